"""Which unit a runner opens next: decided when it has room, not when Ray Data sends it work.

Ray Data sends *tickets*, more than any runner can use. A ticket whose turn has come opens the next unit that is left,
so that a runner that came late, or is faster, finds as many as it has room for. When Ray Data repeats a ticket of a
runner that died, the units which that one had open go to the front of the line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from distilray.ledger import UnitInput
from distilray.runner.crashes import CrashBook, UnitCrashes


class Opened(NamedTuple):
    """A unit for a runner that has room."""

    name: str
    unit: UnitInput
    crashes: UnitCrashes


class Dispatch:
    """Kept by the monitor."""

    def __init__(self, units: Iterable[tuple[str, UnitInput]]) -> None:
        self.book = CrashBook()
        self._left = deque(units)
        self._open: dict[str, tuple[str, UnitInput]] = {}
        """Unit to the runner that has it open, and what it reads."""
        self._tickets: dict[int, str] = {}

    def opens(self, runner: str, ticket: int) -> Opened | None:
        """The next unit; None where all are taken."""
        before = self._tickets.get(ticket)
        if before is not None and before != runner:
            self._died(before)
        self._tickets[ticket] = runner
        if not self._left:
            return None
        name, unit = self._left.popleft()
        self._open[name] = runner, unit
        return Opened(name, unit, self.book.opens(name))

    def closes(self, runner: str, name: str, published: bool) -> None:
        """The unit is published, or put back by a runner that lives."""
        holder, unit = self._open.get(name, ("", None))
        if holder != runner or unit is None:
            return
        del self._open[name]
        if not published:
            self._left.appendleft((name, unit))

    def _died(self, runner: str) -> None:
        lost = [(name, unit) for name, (holder, unit) in self._open.items() if holder == runner]
        for name, _ in lost:
            del self._open[name]
        self._left.extendleft(reversed(lost))
        self.book.died(runner, [name for name, _ in lost])
