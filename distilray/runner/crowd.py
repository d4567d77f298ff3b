"""The rows of one runner: how many are worked on, which unit is opened next, and what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator

from distilray.models import BudgetSpent
from distilray.runner.admission import Admission
from distilray.runner.failing import SAMPLES
from distilray.runner.turns import Turns


class Crowd:
    """Belongs to one event loop."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.outcomes: dict[str, dict[str, int]] = {}
        """Step to outcome to rows, since the runner started; for the progress line."""
        self.failures: dict[str, list[str]] = {}
        """Step to the errors of the first rows that failed in it, for the error that stops a run."""
        self.units = self.rows = self.ended = 0
        """Units opened since the runner started, their rows, and those of them that have left the phase."""
        self.began: float | None = None
        """When the first row began, in seconds since the epoch."""
        self.turns = Turns()
        self.stopping = False
        self.gate = asyncio.Semaphore(admission.places)
        self._openers: deque[asyncio.Future[None]] = deque()

    def saw(self, step: str, kind: str, reason: str | None = None) -> None:
        counts = self.outcomes.setdefault(step, {"kept": 0, "rejected": 0, "failed": 0})
        counts[kind] += 1
        if kind == "failed" and len(errors := self.failures.setdefault(step, [])) < SAMPLES:
            errors.append(reason or "")

    def stop(self) -> None:
        """No further row begins; whoever waits to begin one gets :class:`BudgetSpent`."""
        self.stopping = True
        self.open_next()

    @contextlib.asynccontextmanager
    async def unit(self) -> AsyncIterator[OpenUnit]:
        """A unit, opened when its turn has come. Raises :class:`BudgetSpent` where the run stops before."""
        turn = asyncio.get_running_loop().create_future()
        self._openers.append(turn)
        self.open_next()
        await turn
        unit = OpenUnit(self)
        try:
            yield unit
        finally:
            self.admission.closes(unit.waiting, unit.size)
            self.open_next()

    def open_next(self) -> None:
        """Lets units be opened that may be by now."""
        while self._openers and (self.stopping or self.admission.may_open()):
            turn = self._openers.popleft()
            if turn.done():  # cancelled while it waited
                continue
            if self.stopping:
                turn.set_exception(BudgetSpent())
            else:
                self.admission.opens()
                turn.set_result(None)


class OpenUnit:
    """A unit between its opening and its end."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.waiting = crowd.admission.unit_rows
        """Its rows that have had no place yet."""
        self.size: int | None = None

    def read(self, rows: int, size: int) -> None:
        """It has ``rows`` rows, ``size`` bytes."""
        self.crowd.admission.opened(rows, size)
        self.waiting, self.size = rows, size
        self.crowd.units += 1
        self.crowd.rows += rows
        self.crowd.open_next()

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one of its rows. Raises :class:`BudgetSpent` where the run stops before."""
        crowd = self.crowd
        async with crowd.gate:
            if crowd.stopping:
                raise BudgetSpent
            self.waiting -= 1
            crowd.began = crowd.began or time.time()
            crowd.admission.admit()
            crowd.open_next()
            try:
                yield
            finally:
                crowd.admission.ends()
                crowd.ended += 1
                crowd.open_next()

    def skip(self) -> None:
        """One of its rows leaves without a place."""
        self.waiting -= 1
        self.crowd.admission.waiting -= 1
        self.crowd.ended += 1
        self.crowd.open_next()
