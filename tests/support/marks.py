"""Marks of runners that do not die, and a monitor in this process for those that do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from distilray.ledger import UnitInput
from distilray.runner.crashes import UnitCrashes
from distilray.runner.dispatch import Dispatch
from distilray.runner.marks import Marks, UnitMarks


def nobody_died(unit: str) -> UnitMarks:
    """Marks of a unit that no runner's death has touched."""
    return UnitMarks(Marks("runner", None), unit, UnitCrashes(0, {}))


class Monitor:
    """Hands out units and remembers deaths as the monitor's actor does, and is asked as it is. What a runner in
    ``dead`` says no longer arrives."""

    def __init__(self, units: Iterable[str]) -> None:
        dispatch = Dispatch([(name, UnitInput(name)) for name in units])
        self.dead: set[str] = set()
        self.opens = Remote(dispatch.opens, self.dead)
        self.closes = Remote(dispatch.closes, self.dead)
        self.marks = Remote(dispatch.book.marks, self.dead)


class Remote:
    """A method that is called as an actor's."""

    def __init__(self, method: Any, dead: set[str]) -> None:
        self._method, self._dead = method, dead

    async def remote(self, runner: str, *arguments: Any) -> Any:
        return None if runner in self._dead else self._method(runner, *arguments)
