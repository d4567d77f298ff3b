"""Reconciliation: checks from the footers of all units, without reading a row, that no row vanished.

In every unit, for every step, ``rows_in + created == kept + rejected + failed``; what a step kept is what the next
one read, within a unit and from stage to stage; a file holds exactly the rows that it counts; and a
finished stage's manifest agrees with its units. A deep check also reads all ids and finds duplicates.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb
import msgspec
import pyarrow as pa

from distilray.ledger.counts import StepCounts, UnitCounts, add_steps
from distilray.ledger.stages import StageFiles, Units, list_stages
from distilray.ledger.unit import read_footer
from distilray.storage import Store, read_parquet

READS_AT_ONCE = 16
PROBLEMS_SHOWN = 100
MEMORY_LIMIT = "512MB"

Footer = tuple[UnitCounts, int]


class StageReport(msgspec.Struct):
    folder: str
    units: int
    missing: int
    """Units that are not done yet."""
    complete: bool
    steps: list[StepCounts]


class Reconciliation(msgspec.Struct):
    """What was found; ``problems`` are sentences that name stage, unit and numbers."""

    stages: list[StageReport] = []
    problems: list[str] = []
    more_problems: int = 0
    """How many were found beyond those listed."""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.problems

    def note(self, problem: str) -> None:
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(problem)
        else:
            self.more_problems += 1


def reconcile(store: Store, *, deep: bool = False) -> Reconciliation:
    """Checks all stages of the run, finished or not. ``deep`` also looks for ids that occur twice in a stage."""
    began = time.monotonic()
    report = Reconciliation()
    stages = list_stages(store)
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        kept: dict[str, int] = {}
        for stage in stages:
            footers = read_footers(store, stage.units, pool)
            kept |= {stage.units[name]: _leaving(counts) for name, (counts, _) in footers.items()}
            for path in set(stage.before.values()) - kept.keys():  # rows that enter a round again
                kept[path] = _leaving(read_footer(store, path)[0])
            _check_stage(stage, footers, kept, report)
            if deep:
                _check_ids(store, stage, pool, report)
    report.seconds = time.monotonic() - began
    return report


def read_footers(store: Store, units: Units, pool: ThreadPoolExecutor) -> dict[str, Footer]:
    """Counts and number of rows of each unit, by its name."""
    return dict(zip(units, pool.map(lambda path: read_footer(store, path), units.values()), strict=True))


def _check_stage(stage: StageFiles, footers: dict[str, Footer], kept: dict[str, int], report: Reconciliation) -> None:
    total: list[StepCounts] = []
    for name, (counts, rows) in footers.items():
        for problem in _unit_problems(counts, rows):
            report.note(f"{stage.folder}/{name}: {problem}")
        taken, given = counts.steps[0].rows_in, kept.get(stage.before.get(name, ""))
        if given is not None and taken != given:
            report.note(f"{stage.folder}/{name}: took in {taken} rows, but {stage.before[name]} left {given}")
        if stage.before and given is None:
            report.note(f"{stage.folder}/{name}: the unit that it was made from is missing")
        add_steps(total, counts.steps)
    if stage.complete:
        for name in stage.missing:
            if kept[stage.before[name]]:
                report.note(f"{stage.folder}: {kept[stage.before[name]]} rows of {stage.before[name]} never came here")
        _check_manifest(stage, total, report)
    report.stages.append(StageReport(stage.folder, len(footers), len(stage.missing), stage.complete, total))


def _unit_problems(counts: UnitCounts, rows: int) -> Iterator[str]:
    for step in counts.steps:
        if not step.reconciled:
            yield (
                f"step {step.name}: {step.rows_in} in + {step.created} created is not "
                f"{step.kept} kept + {step.rejected} rejected + {step.failed} failed"
            )
        if sum(step.reasons.values()) != step.rejected + step.failed:
            yield f"step {step.name}: {step.rejected + step.failed} rows left, {sum(step.reasons.values())} reasons"
    for step, following in zip(counts.steps, counts.steps[1:], strict=False):
        if step.kept != following.rows_in:
            yield f"step {step.name} kept {step.kept} rows, but {following.name} took in {following.rows_in}"
    expected = counts.steps[0].rows_in + sum(step.created for step in counts.steps)
    if rows != expected:
        yield f"the file holds {rows} rows, its counts amount to {expected}"


def _check_manifest(stage: StageFiles, total: list[StepCounts], report: Reconciliation) -> None:
    assert stage.manifest is not None
    if stage.manifest.units != len(stage.units):
        report.note(f"{stage.folder}: the manifest counts {stage.manifest.units} units, {len(stage.units)} are there")
    for stated, found in zip(stage.manifest.steps, total, strict=False):
        for outcome in ("rows_in", "created", "kept", "rejected", "failed"):
            if getattr(stated, outcome) != getattr(found, outcome):
                report.note(
                    f"{stage.folder}: the manifest has {stated.name} {outcome} {getattr(stated, outcome)}, "
                    f"the units have {getattr(found, outcome)}"
                )


def _leaving(counts: UnitCounts) -> int:
    """Rows that the next stage takes from a unit."""
    return counts.steps[-1].kept


def _check_ids(store: Store, stage: StageFiles, pool: ThreadPoolExecutor, report: Reconciliation) -> None:
    """Finds ids that occur twice in the stage; memory is limited, the rest spills to a temporary folder."""
    if not stage.units:
        return
    schema = pa.schema([("id", pa.string())])

    def ids(path: str) -> list[pa.RecordBatch]:
        return read_parquet(store, path, ["id"]).cast(schema).to_batches()

    def stream() -> Iterator[pa.RecordBatch]:
        paths = list(stage.units.values())
        for first in range(0, len(paths), READS_AT_ONCE):
            for batches in pool.map(ids, paths[first : first + READS_AT_ONCE]):
                yield from batches

    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit='{MEMORY_LIMIT}'; SET temp_directory='{spill}'; SET threads=2")
        reader = pa.RecordBatchReader.from_batches(schema, stream())
        connection.register("ids", reader)
        doubled = connection.execute(
            "SELECT id, count(*) FROM ids GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT ?", [PROBLEMS_SHOWN]
        ).fetchall()
    for row_id, times in doubled:
        report.note(f"{stage.folder}: the id {row_id!r} occurs {times} times")
