"""Which row killed its runner: found by what was in flight whenever one died.

A runner that dies (a crash in a library, memory) leaves its units to another one. The first death costs a unit nothing
but care: from then on its rows are told to the monitor before they begin. Rows that were there at two such deaths are
suspects, which run only beside each other; whenever their runner dies they are divided anew, until a single one is
left. A death with nothing else in flight, twice, is the row's own, and it fails alone.

Nothing else is blamed: not the units that were merely open, not the rows of a node that was lost, and not the deaths of
an earlier driver's runners, which its end took along (the book lives as long as the driver's phase).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DEATHS_UNTIL_SUSPECT = 2
DEATHS_UNTIL_FAILED = 2

RowKey = tuple[str, int]
"""A unit and the position of one of its rows."""


class Crashes(NamedTuple):
    """Deaths of runners in which a row was in flight."""

    together: int = 0
    """With any other rows."""
    apart: int = 0
    """With no rows but suspects like it."""
    alone: int = 0
    """As a suspect, with nothing else."""

    @property
    def suspect(self) -> bool:
        return self.together >= DEATHS_UNTIL_SUSPECT or self.apart > 0 or self.alone > 0

    @property
    def guilty(self) -> bool:
        return self.alone >= DEATHS_UNTIL_FAILED


class UnitCrashes(NamedTuple):
    """What is known of a unit when a runner opens it."""

    deaths: int
    """Runners that died while they had the unit open."""
    rows: dict[int, Crashes]
    """Rows that were in flight then, by position."""


class CrashBook:
    """What is known of runners that died, and the rows in flight of units that need care."""

    def __init__(self) -> None:
        self._in_flight: dict[str, dict[RowKey, bool]] = {}
        """Runner to its rows, and whether they run apart."""
        self._deaths: dict[str, int] = {}
        self._crashes: dict[str, dict[int, Crashes]] = {}

    def opens(self, unit: str) -> UnitCrashes:
        """What a runner needs to know that begins with ``unit``."""
        return UnitCrashes(self._deaths.get(unit, 0), dict(self._crashes.get(unit, {})))

    def marks(self, runner: str, begun: list[tuple[str, int, bool]], ended: list[RowKey]) -> None:
        """Rows of ``runner`` that begin (unit, position, whether apart) and that have ended."""
        rows = self._in_flight.setdefault(runner, {})
        for key in ended:
            rows.pop((key[0], key[1]), None)
        for unit, position, apart in begun:
            rows[unit, position] = apart

    def died(self, runner: str, units: Iterable[str]) -> None:
        """``runner`` died and had ``units`` open."""
        for unit in units:
            self._deaths[unit] = self._deaths.get(unit, 0) + 1
        rows = self._in_flight.pop(runner, {})
        for (unit, position), apart in rows.items():
            known = self._crashes.setdefault(unit, {})
            crashes = known.get(position, Crashes())
            if not apart:
                crashes = crashes._replace(together=crashes.together + 1)
            elif len(rows) > 1:
                crashes = crashes._replace(apart=crashes.apart + 1)
            else:
                crashes = crashes._replace(alone=crashes.alone + 1)
            known[position] = crashes
