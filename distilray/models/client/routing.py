"""Which engine a request goes to: the one that its row prefers, unless it is clearly busier than another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol, TypeVar

_MASK = (1 << 64) - 1


class Queue(Protocol):
    """An engine as routing sees it."""

    salt: int
    """``stable_hash`` of its name."""
    in_flight: int


Q = TypeVar("Q", bound=Queue)


def stable_hash(text: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _mixed(value: int) -> int:
    """The finaliser of splitmix64: every bit of the input moves every bit of the output."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def preferred(affinity: str, engines: Sequence[Q]) -> Q:
    """Rendezvous hashing (Thaler and Ravishankar 1998): when an engine disappears, only its own rows move."""
    key = stable_hash(affinity)
    return max(engines, key=lambda engine: _mixed(key ^ engine.salt))


def choose(affinity: str, engines: Sequence[Q], concurrency: int) -> Q:
    """The preferred engine, or the one with the shortest queue where the preferred one's is clearly longer.

    A shared prefix saves a prefill; a queue that is a quarter longer costs more.
    """
    if len(engines) == 1:
        return engines[0]
    engine = preferred(affinity, engines)
    least = min(engines, key=lambda engine: engine.in_flight)
    if engine.in_flight > 1.25 * least.in_flight + max(1, concurrency // 16):
        return least
    return engine
