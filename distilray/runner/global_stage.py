"""A global step on the cluster: one task reads the columns that the step needs, DuckDB decides, ids come out.

The rows' text stays in its shards: what is written is one small decision file per unit.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import ray

from distilray.ledger import Manifest, StepCounts, UnitCounts, UnitInput, kept_rows, now, open_stage, write_unit
from distilray.rows import column_type
from distilray.runner.context import Context, RunStopped
from distilray.runner.package_versions import versions
from distilray.runner.stage import GlobalStage
from distilray.steps import GlobalStep
from distilray.storage import Store

UNITS_READ_AT_ONCE = 8


def run_global(
    context: Context, stage: GlobalStage, inputs: Sequence[tuple[str, UnitInput]]
) -> list[tuple[str, UnitInput]]:
    """Decides on every kept row of ``inputs``; returns them with the decisions that the next stage must respect."""
    manifest, _ = open_stage(
        context.store,
        stage.directory,
        Manifest(name=stage.name, kind="global", fingerprint=stage.fingerprint, versions=versions()),
    )
    if not manifest.finished:
        started = time.monotonic()
        deciding = _decide.remote(context.store, stage, list(inputs), context.resources.memory_limit_gib)
        counts, counted, summary = ray.get(deciding)
        manifest.steps, manifest.units = [StepCounts.from_json(counts)], len(inputs)
        if counted:
            manifest.details["counted"] = counted
        if summary:
            manifest.details["summary"] = summary
        manifest.seconds = time.monotonic() - started
        manifest.finished = now()
        manifest.write(context.store, stage.directory)
    if not manifest.steps[0].kept:
        step = stage.step.step
        assert isinstance(step, GlobalStep)
        explained = step.explanation(manifest.details.get("summary") or {})
        raise RunStopped(
            f"step {stage.step.name} kept none of {manifest.steps[0].rows_in:,} rows ({manifest.steps[0].reasons}); "
            "relax its settings and run again: earlier steps are kept" + (f"\n{explained}" if explained else "")
        )
    return [
        (name, UnitInput(unit.path, (*unit.decisions, f"{stage.directory}/decisions/{name}.parquet")))
        for name, unit in inputs
    ]


@ray.remote(num_cpus=0.5, max_retries=2)
def _decide(
    store: Store, stage: GlobalStage, inputs: list[tuple[str, UnitInput]], memory_gib: float
) -> tuple[dict, dict[str, dict[str, int]], dict]:
    """Writes all decision files. Returns the step's counts, how often each value of its counted columns occurs, and its
    summary."""
    step = stage.step.step
    assert isinstance(step, GlobalStep)
    counted: dict[str, Counter[str]] = {name: Counter() for name in step.counted_columns}
    written = step.columns_written()
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("outcome", pa.string()),
            ("reason", pa.string()),
            *((name, column_type(kind)) for name, kind in written.items()),
        ]
    )
    total = StepCounts(stage.step.name)
    with tempfile.TemporaryDirectory(prefix="distilray-global-") as spill:
        connection = duckdb.connect(f"{spill}/rows.duckdb")
        connection.execute(f"SET memory_limit='{memory_gib}GiB'; SET temp_directory='{spill}'; SET threads=2")
        columns = sorted({"id", *step.columns_read(), *step.columns_awaited()})
        reader = _reader(store, inputs, columns)  # noqa: F841  (DuckDB finds it by name)
        connection.execute("CREATE TABLE rows AS SELECT * FROM reader")
        decided = connection.execute(
            f"SELECT decided.* FROM ({step.decide(connection)}) AS decided ORDER BY unit, id"
        ).to_arrow_reader(65_536)
        seen = 0
        for number, table in _by_unit(decided):
            while seen < number:  # a unit without a kept row gets an empty decision file
                _write(store, stage, inputs[seen][0], None, schema, total)
                seen += 1
            _write(store, stage, inputs[number][0], table, schema, total)
            for name, values in counted.items():
                values.update(str(value) for value in table[name].to_pylist() if value is not None)
            seen = number + 1
        while seen < len(inputs):
            _write(store, stage, inputs[seen][0], None, schema, total)
            seen += 1
        summary = step.summary(connection)
        connection.close()
    return total.to_json(), {name: dict(values) for name, values in counted.items()}, summary


def _reader(store: Store, inputs: list[tuple[str, UnitInput]], columns: list[str]) -> pa.RecordBatchReader:
    """The kept rows' columns, unit after unit, with the unit's number as a column."""

    def read(number: int) -> pa.Table:
        table = kept_rows(store, inputs[number][1], columns)
        return table.append_column("unit", pa.array([number] * table.num_rows, pa.int32()))

    schema = read(0).schema

    def stream() -> Iterator[pa.RecordBatch]:
        with ThreadPoolExecutor(UNITS_READ_AT_ONCE) as pool:
            for first in range(0, len(inputs), UNITS_READ_AT_ONCE):
                for table in pool.map(read, range(first, min(first + UNITS_READ_AT_ONCE, len(inputs)))):
                    yield from table.to_batches()

    return pa.RecordBatchReader.from_batches(schema, stream())


def _by_unit(reader: pa.RecordBatchReader) -> Iterator[tuple[int, pa.Table]]:
    """Decisions in the order of units, one table per unit."""
    held: list[pa.RecordBatch] = []
    current: int | None = None
    for batch in reader:
        start = 0
        units = batch["unit"].to_pylist()
        for k, unit in enumerate(units):
            if unit != current:
                if current is not None:
                    held.append(batch.slice(start, k - start))
                    yield current, pa.Table.from_batches(held)
                held, start, current = [], k, unit
        held.append(batch.slice(start))
    if current is not None:
        yield current, pa.Table.from_batches(held)


def _write(
    store: Store, stage: GlobalStage, unit: str, table: pa.Table | None, schema: pa.Schema, total: StepCounts
) -> None:
    counts = StepCounts(stage.step.name)
    rows = []
    for row in table.to_pylist() if table is not None else []:
        reason = row.get("reason")
        counts.rows_in += 1
        counts.count("rejected" if reason else "kept", reason)
        rows.append({name: row.get(name) for name in schema.names} | {"outcome": "rejected" if reason else "kept"})
    total.add(counts)
    path = f"{stage.directory}/decisions/{unit}.parquet"
    write_unit(store, path, pa.Table.from_pylist(rows, schema=schema), schema, UnitCounts(steps=[counts]))
