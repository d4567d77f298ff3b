"""An asyncio loop whose time is virtual: when nothing is left to do now, the time of the next timer has come."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """For coroutines that wait for timers and for each other only; real I/O would never be waited for."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self._now


class _Skipping(selectors.SelectSelector):
    """In place of waiting, moves the clock by the time that would be waited."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("every coroutine waits for another one")
        if timeout > 0:
            self._loop._now += timeout
        return super().select(0)


def simulated(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns, run under virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
