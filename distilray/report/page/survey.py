"""One pass over a stage's units: the numbers that steps wrote, and which rows could be shown. No text is read."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from distilray.ledger import StageFiles
from distilray.rows import CORE
from distilray.storage import Store, read_parquet

UNITS_READ = 300
"""Units that are looked at, evenly spaced over the stage: 75,000 rows are enough for a histogram and rare reasons."""
ROWS_A_STRATUM = 40
REASONS_A_STRATUM = 100
VERDICT = ["id", "outcome", "stopped_at", "reason"]
JUDGED = ["right", "accuracy"]
LABELLED = ["task_by_classifier", "task_by_model", "task_agreed"]

Decided = dict[str, list[str]]
"""Path of a file of rows to the decisions that global steps took on it."""


class Candidate(NamedTuple):
    """A row that could be shown. The smallest hashes are taken, so the sample does not depend on sharding and
    follows the same rows from step to step."""

    hash: bytes
    unit: str
    id: str


class Stratum(NamedTuple):
    """Rows that are interchangeable in a sample."""

    step: str
    outcome: str
    reason: str


@dataclass
class Numbers:
    """A column's values, and which of them belong to rows that were still kept after the global steps behind it."""

    values: list[np.ndarray] = field(default_factory=list)
    stayed: list[np.ndarray] = field(default_factory=list)
    whole: bool = True

    def joined(self) -> tuple[np.ndarray, np.ndarray]:
        return np.concatenate(self.values), np.concatenate(self.stayed)


@dataclass
class Survey:
    """``numbers`` by column; ``judged``: (right, accuracy) of the rows that have both; ``labelled``: how often the
    classifier gave the one label and the model the other, of the rows whose labels were audited."""

    stage: StageFiles
    units_read: int
    numbers: dict[str, Numbers] = field(default_factory=lambda: defaultdict(Numbers))
    judged: list[np.ndarray] = field(default_factory=list)
    labelled: Counter[tuple[str, str]] = field(default_factory=Counter)
    candidates: dict[Stratum, list[Candidate]] = field(default_factory=lambda: defaultdict(list))


def survey(store: Store, stage: StageFiles, decided: Decided, pool: Executor) -> Survey:
    """Reads the numeric columns and the outcomes of a bounded number of the stage's units."""
    names = evenly(sorted(stage.units), UNITS_READ)
    found = Survey(stage, len(names))
    last = stage.manifest.steps[-1].name if stage.manifest and stage.manifest.steps else stage.name

    def read(name: str) -> tuple[str, pa.Table, np.ndarray]:
        table = _numbers_and_verdicts(store, stage.units[name])
        return name, table, _stayed(store, table, decided.get(stage.units[name], []))

    for name, table, stayed in pool.map(read, names):
        _take_numbers(found, table, stayed)
        _take_candidates(found, name, table, last)
    return found


def decisions_by_rows(stages: Iterable[StageFiles]) -> Decided:
    """The decision files about each file of rows, in the order in which they were taken."""
    decided: Decided = defaultdict(list)
    for stage in stages:
        for name, rows in stage.rows.items():
            if rows != stage.units[name]:
                decided[rows].append(stage.units[name])
    return dict(decided)


def _numbers_and_verdicts(store: Store, path: str) -> pa.Table:
    with store.open_input(path) as source, pq.ParquetFile(source) as file:
        numeric = [entry.name for entry in file.schema_arrow if _numeric(entry.type) and entry.name not in CORE.names]
        wanted = [name for name in [*VERDICT, *numeric, "right", *LABELLED[:2]] if name in file.schema_arrow.names]
        return file.read(columns=wanted, use_threads=False)


def _numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _stayed(store: Store, table: pa.Table, decisions: list[str]) -> np.ndarray:
    """Which rows were kept here and by all decisions taken since."""
    stays = np.array([outcome in (None, "kept") for outcome in table["outcome"].to_pylist()], bool)
    for path in decisions:
        later = read_parquet(store, path, ["id", "outcome"])
        gone = set(later.filter(pc.field("outcome") != "kept")["id"].to_pylist())
        if gone:
            stays &= np.array([row_id not in gone for row_id in table["id"].to_pylist()], bool)
    return stays


def _take_numbers(found: Survey, table: pa.Table, stayed: np.ndarray) -> None:
    for entry in table.schema:
        column = table[entry.name]
        if not _numeric(entry.type) or column.null_count == len(column):
            continue
        values = _array(column.cast(pa.float64()).fill_null(np.nan))
        there = np.isfinite(values)
        numbers = found.numbers[entry.name]
        numbers.values.append(values[there])
        numbers.stayed.append(stayed[there])
        numbers.whole &= pa.types.is_integer(entry.type)
    if set(LABELLED) <= set(table.column_names):
        audited = table.select(LABELLED).drop_null()
        found.labelled.update(zip(*(audited[name].to_pylist() for name in LABELLED[:2]), strict=True))
    if set(JUDGED) <= set(table.column_names):
        both = table.select(JUDGED).drop_null()
        found.judged.append(np.array([_array(both[name].cast(pa.int64())) for name in JUDGED]))


def _array(column: pa.ChunkedArray) -> np.ndarray:
    """A column without nulls. Not by its own ``to_numpy``, which spends a second to import pandas."""
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks] or [np.empty(0)])


def _take_candidates(found: Survey, unit: str, table: pa.Table, last: str) -> None:
    stopped = table["stopped_at"].to_pylist() if "stopped_at" in table.column_names else [None] * len(table)
    columns = (table["id"].to_pylist(), table["outcome"].to_pylist(), stopped, table["reason"].to_pylist())
    for row_id, outcome, step, reason in zip(*columns, strict=True):
        stratum = Stratum(step or last, outcome or "kept", countable(reason))
        if stratum not in found.candidates and len(found.candidates) >= REASONS_A_STRATUM:
            stratum = stratum._replace(reason="")
        row_hash = hashlib.blake2b(row_id.encode(), digest_size=8).digest()
        found.candidates[stratum].append(Candidate(row_hash, unit, row_id))
    for stratum, rows in found.candidates.items():
        if len(rows) > ROWS_A_STRATUM:
            found.candidates[stratum] = sorted(rows)[:ROWS_A_STRATUM]


def countable(reason: str | None) -> str:
    """A reason without its row-specific part."""
    return (reason or "").partition("\n")[0].partition(";")[0].strip()[:120]


def evenly(names: list[str], most: int) -> list[str]:
    """``most`` of ``names`` at most."""
    if len(names) <= most:
        return names
    return [names[k * len(names) // most] for k in range(most)]
