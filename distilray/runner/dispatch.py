"""Which unit a runner opens next: decided when it has room, not when Ray Data sends it work.

Ray Data sends *tickets*, more than any runner can use. A ticket whose turn has come opens the next unit that is left,
so that a runner that came late, or is faster, finds as many as it has room for. When Ray Data repeats a ticket of a
runner that died, the units which that one had open go to the front of the line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from distilray.ledger import Place, UnitInput
from distilray.runner.crashes import CrashBook, UnitCrashes


class Opened(NamedTuple):
    """A unit for a runner that has room."""

    name: str
    unit: UnitInput
    crashes: UnitCrashes
    places: tuple[Place, ...] = ()
    """Where replies of earlier sessions to it are."""
    runners: tuple[str, ...] = ()
    """Those of this session that had it open, and may have been given replies."""


class Dispatch:
    """Kept by the monitor."""

    def __init__(
        self, units: Iterable[tuple[str, UnitInput]], places: Mapping[str, tuple[Place, ...]] | None = None
    ) -> None:
        self.book = CrashBook()
        self._places = places or {}
        self._left = deque(units)
        self._open: dict[str, tuple[str, UnitInput]] = {}
        """Unit to the runner that has it open, and what it reads."""
        self._runners: dict[str, list[str]] = {}
        """Unit to all runners that have had it open."""
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
        runners = self._runners.setdefault(name, [])
        opened = Opened(name, unit, self.book.opens(name), self._places.get(name, ()), tuple(runners))
        if runner not in runners:
            runners.append(runner)
        return opened

    def closes(self, runner: str, name: str, published: bool) -> None:
        """The unit is published, or put back by a runner that lives."""
        holder, unit = self._open.get(name, ("", None))
        if unit is None and published:  # by a runner that was given up, or whose monitor died
            self._take({name})
        if holder != runner or unit is None:
            return
        del self._open[name]
        if published:
            self._runners.pop(name, None)
        else:
            self._left.appendleft((name, unit))

    def learns(self, runner: str, opened: Mapping[str, int]) -> None:
        """``runner`` has units ``opened``, each for a ticket, which another monitor handed out."""
        for name, unit in self._take(opened.keys() - self._open.keys()):
            self._open[name] = runner, unit
            self._runners.setdefault(name, []).append(runner)
            self._tickets[opened[name]] = runner

    def _take(self, names: Collection[str]) -> list[tuple[str, UnitInput]]:
        """Those of the units ``names`` that are left; they are no longer."""
        taken = [unit for unit in self._left if unit[0] in names] if names else []
        if taken:
            self._left = deque(unit for unit in self._left if unit[0] not in names)
        return taken

    def _died(self, runner: str) -> None:
        lost = [(name, unit) for name, (holder, unit) in self._open.items() if holder == runner]
        for name, _ in lost:
            del self._open[name]
        self._left.extendleft(reversed(lost))
        self.book.died(runner, [name for name, _ in lost])
