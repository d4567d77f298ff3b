"""What the truth says of the rows that stayed and of those that left, in runs whose rows carry it.

A column ``truth_right`` says whether a row's answer is right; no step reads it. The practice world has it, and whoever
tries steps on questions whose answers are known. It shows what a judge caught and what it took away with that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from distilray.ledger import Manifest, StageFiles
from distilray.report.page.survey import UNITS_READ, countable, evenly
from distilray.storage import Store, read_parquet

TRUTH, SOURCES = "truth_right", "steps/00-sources"
OUTCOME = ["id", "outcome", "stopped_at", "reason"]
REASONS_SHOWN = 6


@dataclass(frozen=True)
class Truth:
    """Rows with one outcome of a step, of those whose truth is known."""

    step: str
    outcome: str
    reason: str
    rows: int
    right: int

    @property
    def share(self) -> float:
        return self.right / self.rows


def truths(store: Store, stages: Iterable[StageFiles], pool: Executor) -> list[Truth]:
    """Of each step: the rows that left it, the most common reasons first; and those that a stage kept, at its last
    step. Looks at a bounded number of units; empty where rows carry no truth."""
    sources = Manifest.read(store, SOURCES)
    if sources is None or TRUTH not in sources.details.get("columns", ()):
        return []
    return [truth for stage in stages if stage.units for truth in _of_stage(store, stage, pool)]


def _of_stage(store: Store, stage: StageFiles, pool: Executor) -> Iterator[Truth]:
    steps = [step.name for step in stage.manifest.steps] if stage.manifest and stage.manifest.steps else [stage.name]
    counted: Counter[tuple[str, str, str, bool]] = Counter()
    for unit in pool.map(lambda name: _of_unit(store, stage, name, steps[-1]), evenly(sorted(stage.units), UNITS_READ)):
        counted.update(unit)
    rows: Counter[tuple[str, str, str]] = Counter()
    for (step, outcome, reason, _), n in counted.items():
        rows[step, outcome, reason] += n
    for step in steps:
        there = sorted((where for where in rows if where[0] == step), key=lambda where: _order(where, rows[where]))
        for where in [*there[:REASONS_SHOWN], *(where for where in there[REASONS_SHOWN:] if where[1] == "kept")]:
            yield Truth(*where, rows[where], counted[*where, True])


def _order(where: tuple[str, str, str], rows: int) -> tuple[bool, int, str]:
    return where[1] == "kept", -rows, where[2]


def _of_unit(store: Store, stage: StageFiles, name: str, last: str) -> Counter[tuple[str, str, str, bool]]:
    """By step, outcome, reason and truth."""
    known = read_parquet(store, stage.rows[name], ["id", TRUTH]).to_pydict()
    truth = dict(zip(known["id"], known[TRUTH], strict=True))
    counted: Counter[tuple[str, str, str, bool]] = Counter()
    for row in read_parquet(store, stage.units[name], OUTCOME).to_pylist():
        right = truth.get(row["id"])
        if right is not None:
            outcome = row["outcome"] or "kept"
            reason = "" if outcome == "kept" else countable(row["reason"])
            counted[row.get("stopped_at") or last, outcome, reason, right] += 1
    return counted
