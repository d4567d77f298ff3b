"""Crash marks: which rows were being worked on when a runner died.

A runner marks a span of a unit's rows when it begins and takes the mark away when it ends. A mark that is
found later was left by a runner that died; the span is then suspect. A runner works on several units at once
and its death leaves a mark on each, so a mark also says whether its span was worked on *alone*: only then was the
span to blame. Marks of other sessions do not count: a killed driver takes all its runners down, and that is not
the rows' fault.
"""

from __future__ import annotations

import uuid
from typing import NamedTuple

from distilray.storage import Store

ATTEMPTS = "attempts"


class Crashes(NamedTuple):
    """How many runners died while they worked on a span."""

    together: int
    """Along with other spans, any of which may have killed them."""
    alone: int


class CrashMarks:
    """Crash marks of one unit; ``session`` names the driver's current session."""

    def __init__(self, store: Store, phase: str, unit: str, session: str) -> None:
        self.store = store
        self.folder = f"{ATTEMPTS}/{phase}/{unit}"
        self.session = session
        self._mine: dict[tuple[int, int], str] = {}

    def begin(self, lo: int, hi: int, alone: bool = False) -> None:
        """Work on rows ``lo`` to ``hi`` (exclusive) of the unit begins; ``alone``: on no others at the same time."""
        name = f"{self._prefix(lo, hi, alone)}{uuid.uuid4().hex}"
        self.store.write(f"{self.folder}/{name}", b"", durable=False)
        self._mine[lo, hi] = name

    def end(self, lo: int, hi: int) -> None:
        """Work on the span that this runner began has ended, successfully or not, and the runner is alive."""
        self.store.delete(f"{self.folder}/{self._mine.pop((lo, hi))}")

    def crashes(self, lo: int, hi: int) -> Crashes:
        """How many runners of this session died while they worked on exactly this span."""
        left = [name for name in self.store.names(self.folder) if name not in self._mine.values()]
        together, alone = (
            sum(name.startswith(self._prefix(lo, hi, alone)) for name in left) for alone in (False, True)
        )
        return Crashes(together, alone)

    def clear(self) -> None:
        """Removes all marks: the unit is published."""
        self._mine.clear()
        self.store.delete_dir(self.folder)

    def _prefix(self, lo: int, hi: int, alone: bool) -> str:
        return f"{self.session}.{lo}-{hi}.{'alone' if alone else 'together'}."
