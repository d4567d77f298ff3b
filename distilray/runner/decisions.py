"""What a global step decided, from DuckDB to one small file a unit.

One task reads the decisions from DuckDB and writes them in shards, each of the units that one scan file holds. Then as
many tasks as there are CPUs write the units' files, and behind the last of a shard the shard's counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from distilray.ledger import StepCounts, UnitCounts, write_unit
from distilray.rows import column_type
from distilray.runner.stage import GlobalStage
from distilray.runner.tasks import RESERVED
from distilray.steps import GlobalStep
from distilray.storage import REQUESTS_AT_ONCE, Store, read_parquet, write_parquet

compute: Any = pc  # its stubs lack these functions
SHARDS = "shards"
KEY = "distilray.shard"
BATCH = 65_536
"""Decisions in memory at once, beside the shard that they go into."""


class Decided(msgspec.Struct):
    """What a step decided on some units."""

    counts: StepCounts
    counted: dict[str, dict[str, int]] = {}
    """Of the step's counted columns: value to rows."""
    summary: dict[str, Any] = {}
    """What the step says about the whole set."""

    def add(self, other: Decided) -> None:
        self.counts.add(other.counts)
        for name, values in other.counted.items():
            into = self.counted.setdefault(name, {})
            for value, rows in values.items():
                into[value] = into.get(value, 0) + rows


def shard_path(directory: str, number: int) -> str:
    return f"{directory}/{SHARDS}/shard-{number:05d}.parquet"


def counts_path(directory: str, number: int) -> str:
    return f"{directory}/{SHARDS}/counts-{number:05d}.json"


def decided_rows(connection: duckdb.DuckDBPyConnection, step: GlobalStep) -> pa.RecordBatchReader:
    """What ``step`` decides on the table ``rows``, in the order of units, a batch at a time. (A result of ``execute``
    would be held whole in memory.) ``connection`` is busy until the last batch."""
    decided = connection.sql(f"SELECT decided.* FROM ({step.decide(connection)}) AS decided ORDER BY unit, id")
    reader = decided.to_arrow_reader(BATCH)
    assert reader is not None
    return reader


def write_shards(store: Store, directory: str, decided: pa.RecordBatchReader, firsts: Sequence[int]) -> None:
    """Writes ``decided``, which is in the order of units, in shards that begin with the units ``firsts``, empty ones
    too."""
    number = 0
    for shard, table in _by_shard(decided, firsts):
        for missing in range(number, shard):
            write_parquet(store, shard_path(directory, missing), decided.schema.empty_table(), KEY, missing)
        write_parquet(store, shard_path(directory, shard), table, KEY, shard)
        number = shard + 1
    for missing in range(number, len(firsts)):
        write_parquet(store, shard_path(directory, missing), decided.schema.empty_table(), KEY, missing)


def _by_shard(decided: pa.RecordBatchReader, firsts: Sequence[int]) -> Iterator[tuple[int, pa.Table]]:
    held: list[pa.RecordBatch] = []
    current = 0
    for batch in decided:
        shards = np.searchsorted(np.asarray(firsts), np.asarray(batch["unit"]), side="right") - 1
        edges = [0, *(np.flatnonzero(np.diff(shards)) + 1), len(shards)]
        for start, stop in pairwise(edges):
            if start == stop:
                continue
            if held and shards[start] != current:
                yield current, pa.Table.from_batches(held)
                held = []
            current = int(shards[start])
            held.append(batch.slice(start, stop - start))
    if held:
        yield current, pa.Table.from_batches(held)


@ray.remote(**RESERVED)
def write_decisions(store: Store, stage: GlobalStage, number: int, first: int, units: Sequence[str]) -> Decided:
    """Writes the decision files of ``units``, whose numbers begin with ``first``, from shard ``number``."""
    step = stage.step.step
    assert isinstance(step, GlobalStep)
    schema = _schema(step)
    rows = read_parquet(store, shard_path(stage.directory, number))
    edges = np.searchsorted(np.asarray(rows["unit"]), np.arange(first, first + len(units) + 1))

    def write(k: int) -> StepCounts:
        own = rows.slice(edges[k], edges[k + 1] - edges[k])
        counts = _counts(stage.step.name, own)
        path = f"{stage.directory}/decisions/{units[k]}.parquet"
        write_unit(store, path, _decisions(own, schema), schema, UnitCounts(steps=[counts]))
        return counts

    decided = Decided(StepCounts(stage.step.name))
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for counts in pool.map(write, range(len(units))):
            decided.counts.add(counts)
    for name in step.counted_columns:
        decided.counted[name] = dict(Counter(str(value) for value in rows[name].to_pylist() if value is not None))
    store.write_json(counts_path(stage.directory, number), decided)
    return decided


def _schema(step: GlobalStep) -> pa.Schema:
    texts = [(name, pa.string()) for name in ("id", "outcome", "reason")]
    return pa.schema([*texts, *((name, column_type(kind)) for name, kind in step.columns_written().items())])


def _decisions(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    outcome = compute.if_else(_rejected(rows), "rejected", "kept")
    columns = [
        outcome if field.name == "outcome"
        else rows[field.name].cast(field.type) if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=schema)


def _rejected(rows: pa.Table) -> pa.ChunkedArray:
    """Whether each row has a reason why it is rejected."""
    return pc.fill_null(compute.not_equal(rows["reason"].cast(pa.string()), ""), False)


def _counts(step: str, rows: pa.Table) -> StepCounts:
    counts = StepCounts(step, rows_in=rows.num_rows)
    reasons = rows["reason"].cast(pa.string()).filter(_rejected(rows))
    counts.count("kept", n=rows.num_rows - len(reasons))
    for found in reasons.value_counts():
        counts.count("rejected", found["values"].as_py(), found["counts"].as_py())
    return counts
