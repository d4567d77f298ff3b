"""A runner's side of the crash book (:mod:`distilray.runner.crashes`): what it tells the monitor before rows begin."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Hashable
from typing import Any

from distilray.runner.crashes import Crashes, UnitCrashes


class Marks:
    """Tells the monitor of rows; those of one turn of the event loop in one call."""

    def __init__(self, runner: str, monitor: Any) -> None:
        self._runner = runner
        self._monitor = monitor
        self._begun: list[tuple[str, int, bool]] = []
        self._ended: list[tuple[str, int]] = []
        self._told: asyncio.Future[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    def begin(self, unit: str, position: int, apart: bool) -> asyncio.Future[None]:
        """Done once the monitor knows."""
        self._begun.append((unit, position, apart))
        return self._soon()

    def end(self, unit: str, position: int) -> None:
        self._ended.append((unit, position))
        self._soon()

    def _soon(self) -> asyncio.Future[None]:
        if self._told is None:
            loop = asyncio.get_running_loop()
            self._told = loop.create_future()
            call = loop.create_task(self._tell())
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        return self._told

    async def _tell(self) -> None:
        await asyncio.sleep(0)  # what else begins in this turn of the loop comes along
        told, self._told = self._told, None
        begun, self._begun, ended, self._ended = self._begun, [], self._ended, []
        assert told is not None
        try:
            await self._monitor.marks.remote(self._runner, begun, ended)
        except Exception as error:
            told.set_exception(error)
            told.exception()  # rows that end wait for nothing
        else:
            told.set_result(None)


class UnitMarks:
    """Those of one unit, which a runner has open."""

    def __init__(self, marks: Marks, unit: str, crashes: UnitCrashes) -> None:
        self._marks = marks
        self.unit = unit
        self.crashes = crashes

    def of(self, position: int) -> Crashes:
        return self.crashes.rows.get(position, Crashes())

    def group(self, position: int) -> Hashable:
        """The rows beside which a row may run: all that are no suspects, or suspects like it. Each death of a runner
        divides them by one more bit of a hash."""
        crashes = self.of(position)
        if not crashes.suspect:
            return None
        digest = hashlib.blake2b(f"{self.unit}/{position}".encode(), digest_size=8).digest()
        if crashes.alone:
            return digest
        return crashes.apart, int.from_bytes(digest, "little") & ((1 << crashes.apart) - 1)

    async def begin(self, position: int) -> None:
        """Returns once a death of this runner would be counted against the row, where that is needed."""
        if self.crashes.deaths:
            # Rows share the call: one that is cancelled must not cancel it for the others.
            await asyncio.shield(self._marks.begin(self.unit, position, self.of(position).suspect))

    def end(self, position: int) -> None:
        if self.crashes.deaths:
            self._marks.end(self.unit, position)
