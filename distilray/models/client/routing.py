"""Which engine a request goes to: the one that its row prefers, unless it is clearly busier than another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

QUEUE = 2
"""Requests that an engine is given at most, by its places: what waits there is lost to an engine that joins."""
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _32 = map(np.uint64, (27, 30, 31, 32))


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

    How long their queues are the client knows from its own requests, from what engines report with every reply, and
    from what all clients of a phase tell each other (:meth:`others`).
    """

    def __init__(self, names: Sequence[str], places: int) -> None:
        """``places``: requests that one engine works on at once. All engines live until :meth:`up` says otherwise."""
        self._salts = np.array([stable_hash(name) for name in names], np.uint64)
        self._own = np.zeros(len(names), np.int64)
        self._others = np.zeros(len(names), np.int64)
        self._slack = max(1, places // 16)
        self._most = QUEUE * places
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
        """The engine for a request with this affinity: the preferred one, or another of four that hashing gives it
        where the preferred one's queue is clearly longer than that one's. A shared prefix saves a prefill; a queue that
        is a quarter longer costs more.

        Not the shortest queue of all: what a client knows of queues is old, and all clients would run to the same
        engine. The best of a few choices at random is nearly as short (Mitzenmacher 2001) and does not herd.
        """
        if len(self._alive) == 1:
            return int(self._alive[0])
        mixed = self._mixed(affinity)
        depth = self._own + self._others
        if not self._all:
            depth = depth[self._alive]
        place = int(mixed.argmax())
        lower = mixed << _32
        other = min((int(k) for k in (mixed.argmin(), lower.argmax(), lower.argmin())), key=depth.__getitem__)
        if depth[place] > 1.25 * depth[other] + self._slack:
            place = other
        return place if self._all else int(self._alive[place])

    def preferred(self, affinity: str) -> int:
        """Rendezvous hashing (Thaler and Ravishankar 1998): when an engine disappears, only its own rows move."""
        return int(self._alive[self._mixed(affinity).argmax()])

    def _mixed(self, affinity: str) -> np.ndarray:
        return _mixed(self._alive_salts ^ np.uint64(stable_hash(affinity)))

    def full(self, engine: int) -> bool:
        """Whether a request should rather wait at the client. Never while the client has none with the engine, so that
        a reply will come after which it may look again."""
        return bool(self._own[engine] and self._own[engine] + self._others[engine] >= self._most)

    def room(self) -> int:
        """Requests that the living engines may still be given."""
        depth = (self._own + self._others)[self._alive]
        return int(np.maximum(self._most - depth, 0).sum())

    def depth(self, engine: int) -> int:
        """Requests that the engine is thought to have, those that wait for a place included."""
        return int(self._own[engine] + self._others[engine])

    @property
    def own(self) -> list[int]:
        """This client's requests to each engine that are not answered."""
        return self._own.tolist()

    def others(self, requests: Sequence[int]) -> None:
        """What the other clients have with each engine."""
        self._others[:] = requests

    def sent(self, engine: int, requests: int) -> None:
        self._own[engine] += requests

    def settled(self, engine: int, requests: int) -> None:
        """Answered, or lost with the engine."""
        self._own[engine] -= requests

    def reported(self, engine: int, depth: int) -> None:
        """What the engine said of itself; what is on the way to it, it does not know."""
        self._others[engine] = max(depth - self._own[engine], 0)
