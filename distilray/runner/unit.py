"""One unit: its rows go through a phase's steps as coroutines and come out as one Parquet file.

No row vanishes: a row leaves every step kept, rejected(reason) or failed(error); a step that raises fails its row
alone. A row that kills its runner is found (:mod:`distilray.runner.crashes`), and fails alone too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from distilray.errors import MachineryFault
from distilray.ledger import ReplyLog, StepCounts
from distilray.models import BudgetSpent, ModelError
from distilray.rows import Outcome, Row, failed
from distilray.runner.crowd import OpenUnit
from distilray.runner.marks import UnitMarks
from distilray.runner.row_models import ModelAccess, RowUsage
from distilray.runner.stage import NamedStep

log = logging.getLogger(__name__)


@dataclass
class Passage:
    """The passage of one unit's rows through a phase."""

    steps: Sequence[NamedStep]
    access: ModelAccess
    replies: ReplyLog
    marks: UnitMarks
    unit: OpenUnit
    counts: list[StepCounts] = field(init=False)
    by_model: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = [StepCounts(named.name) for named in self.steps]

    async def run(self, rows: Sequence[Row], starts: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """All ``rows`` and the children they made, as they leave the phase; row i enters at step ``starts[i]``.

        Raises what is not a row's fault: :class:`BudgetSpent` or a :class:`MachineryFault`.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._row(row, starts[position] if starts else 0, position))
                    for position, row in enumerate(rows)
                ]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the first row's reason to stop is the unit's
        return [values for task in tasks for values in task.result()]

    async def _row(self, row: Row, at: int, position: int) -> list[dict[str, Any]]:
        marks = self.marks
        if marks.of(position).guilty:
            return [self._refuse(row, at, f"killed its runner {sum(marks.of(position))} times")]
        async with self.unit.place(), self.unit.crowd.turns.of(marks.group(position)):
            try:
                await marks.begin(position)
                return await self._through(row, at)
            finally:
                marks.end(position)

    def _refuse(self, row: Row, at: int, error: str) -> dict[str, Any]:
        self.counts[at].rows_in += 1
        self.unit.skip()
        return self._leave(row, at, failed(error), RowUsage(), 0.0)[1]

    async def _through(self, row: Row, at: int) -> list[dict[str, Any]]:
        """``row`` from step ``at`` on, then its children from the step after the one that made them."""
        out: list[dict[str, Any]] = []
        waiting = [(row, at)]
        while waiting:
            row, at = waiting.pop()
            values = row.values
            for k in range(at, len(self.steps)):
                self.counts[k].rows_in += 1
                outcome, usage, seconds = await self._process(self.steps[k], row)
                for child in outcome.children:
                    self.counts[k].created += 1
                    waiting.append((self._born(child, k), k + 1))
                row, values = self._leave(row, k, outcome, usage, seconds)
                if outcome.kind != "kept":
                    break
            if at == len(self.steps):
                values = {**values, "outcome": "kept", "stopped_at": None, "reason": None}
            out.append(values)
        return out

    async def _process(self, named: NamedStep, row: Row) -> tuple[Outcome, RowUsage, float]:
        usage = RowUsage()
        started = time.perf_counter()
        try:
            models = self.access.models_for(row, named.salt, self.replies, usage)
            outcome = await named.step.process(row, models)  # type: ignore[union-attr]
        except ModelError as error:
            outcome = failed(f"{type(error).__name__}: {error}")
        except (BudgetSpent, MachineryFault):
            raise
        except Exception as error:
            # A step's bug must not cost the unit's other rows; the row says what happened, the log says where.
            log.exception("step %s failed on row %s", named.name, row.id)
            outcome = failed(f"{type(error).__name__}: {error}")
        return outcome, usage, time.perf_counter() - started

    def _born(self, child: Row, k: int) -> Row:
        self.counts[k].kept += 1
        entry = _entry(self.steps[k].name, "kept", "created", 0.0, RowUsage())
        return child.having(history=[entry], outcome="kept", stopped_at=None, reason=None)

    def _leave(self, row: Row, k: int, outcome: Outcome, usage: RowUsage, seconds: float) -> tuple[Row, dict[str, Any]]:
        """``row`` after step ``k``, accounted for."""
        name, counts = self.steps[k].name, self.counts[k]
        counts.tokens_in += usage.tokens_in
        counts.tokens_out += usage.tokens_out
        counts.seconds += seconds
        counts.count(outcome.kind, _countable(outcome))
        self.unit.crowd.saw(name, outcome.kind, outcome.reason)
        for model, spent in usage.by_model.items():
            total = self.by_model.setdefault(model, [0, 0, 0, 0, 0, 0.0])
            for i, amount in enumerate(spent):
                total[i] += amount
        entry = _entry(name, outcome.kind, outcome.reason, seconds, usage)
        row = outcome.apply(row)
        row.values["history"] = [*(row.values.get("history") or ()), entry]
        row.values["outcome"] = outcome.kind
        row.values["stopped_at"] = None if outcome.kind == "kept" else name
        row.values["reason"] = outcome.reason
        return row, row.values


def _entry(step: str, kind: str, reason: str | None, seconds: float, usage: RowUsage) -> dict[str, Any]:
    return {
        "step": step,
        "outcome": kind,
        "reason": reason,
        "seconds": seconds,
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
    }


def _countable(outcome: Outcome) -> str | None:
    """Reasons are counted, so an error's own text (ids, numbers, replies) stays with its row."""
    if outcome.kind == "failed" and outcome.reason:
        return outcome.reason.split(":", 1)[0]
    return outcome.reason
