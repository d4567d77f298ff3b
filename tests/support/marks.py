"""Marks of runners that do not die, and a monitor in this process for those that do."""

from __future__ import annotations

from typing import Any

from distilray.runner.crashes import CrashBook, UnitCrashes
from distilray.runner.marks import Marks, UnitMarks


def nobody_died(unit: str) -> UnitMarks:
    """Marks of a unit that no runner's death has touched."""
    return UnitMarks(Marks("runner", None), unit, UnitCrashes(0, {}))


class Monitor:
    """A crash book that is asked as the monitor's actor is. What a runner in ``dead`` says no longer arrives."""

    def __init__(self) -> None:
        self.book = CrashBook()
        self.dead: set[str] = set()

    def __getattr__(self, name: str) -> Remote:
        return Remote(getattr(self.book, name), self.dead)


class Remote:
    """A method that is called as an actor's."""

    def __init__(self, method: Any, dead: set[str]) -> None:
        self._method, self._dead = method, dead

    async def remote(self, runner: str, *arguments: Any) -> Any:
        return None if runner in self._dead else self._method(runner, *arguments)
