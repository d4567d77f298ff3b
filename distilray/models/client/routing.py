"""Which engine a request goes to: the one that its row prefers, unless it is clearly busier than another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


def stable_hash(text: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _mixed(value: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64: every bit of the input moves every bit of the output."""
    value = (value ^ (value >> _30)) * _FIRST
    value = (value ^ (value >> _27)) * _SECOND
    return value ^ (value >> _31)


class Router:
    """The engines of one model, by their position in ``names``, as one client knows them.

    How long their queues are the client knows from its own requests and from what engines report with every reply:
    other clients send requests too.
    """

    def __init__(self, names: Sequence[str], places: int) -> None:
        """``places``: requests that one engine works on at once."""
        self._salts = np.array([stable_hash(name) for name in names], np.uint64)
        self._depth = np.zeros(len(names), np.int64)
        self._own = [0] * len(names)
        self._slack = max(1, places // 16)
        self.up(range(len(names)))

    def up(self, engines: Sequence[int]) -> None:
        """These engines live, and only these."""
        self._alive = np.array(engines, np.int64)
        self._all = len(engines) == len(self._salts)
        self._alive_salts = self._salts[self._alive]

    def __bool__(self) -> bool:
        """Whether any engine lives."""
        return bool(len(self._alive))

    def choose(self, affinity: str) -> int:
        """The engine for a request with this affinity: the preferred one, or the one with the shortest queue where the
        preferred one's is clearly longer. A shared prefix saves a prefill; a queue that is a quarter longer costs more.
        """
        if len(self._alive) == 1:
            return int(self._alive[0])
        place = self._preferred(affinity)
        depth = self._depth if self._all else self._depth[self._alive]
        least = int(depth.argmin())
        if depth[place] > 1.25 * depth[least] + self._slack:
            place = least
        return place if self._all else int(self._alive[place])

    def preferred(self, affinity: str) -> int:
        """Rendezvous hashing (Thaler and Ravishankar 1998): when an engine disappears, only its own rows move."""
        return int(self._alive[self._preferred(affinity)])

    def _preferred(self, affinity: str) -> int:
        return int(_mixed(self._alive_salts ^ np.uint64(stable_hash(affinity))).argmax())

    def depth(self, engine: int) -> int:
        """Requests that the engine is thought to have, those that wait for a place included."""
        return int(self._depth[engine])

    def own(self, engine: int) -> int:
        """This client's requests to the engine that are not answered."""
        return self._own[engine]

    def sent(self, engine: int, requests: int) -> None:
        self._own[engine] += requests
        self._depth[engine] += requests

    def settled(self, engine: int, requests: int) -> None:
        """Answered, or lost with the engine."""
        self._own[engine] -= requests
        self._depth[engine] = max(self._depth[engine] - requests, self._own[engine])

    def reported(self, engine: int, depth: int) -> None:
        """What the engine said of itself; what is on the way to it, it does not know."""
        self._depth[engine] = max(depth, self._own[engine])
