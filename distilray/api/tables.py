"""The rows of one step as an Arrow table, from the files of the units that hold it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from distilray.errors import InputError
from distilray.ledger import StageFiles
from distilray.report import outcome_at, stages_with
from distilray.rows import Row
from distilray.storage import Store

DECIDING = ("id", "history", "stopped_at", "outcome", "reason")
"""Columns with the outcome of a row in a step."""


class UnknownColumn(InputError, LookupError):
    """The rows of a step have no such column."""


def step_table(store: Store, step: str, columns: Sequence[str] | None, outcome: str | None) -> pa.Table:
    """The rows that entered ``step`` and left it as ``outcome`` (None: all). Raises ``UnknownStep`` and
    :class:`UnknownColumn`."""
    parts = list(step_tables(store, step, columns, outcome))
    table = pa.concat_tables(parts, promote_options="default") if parts else pa.table({})
    return table if columns is None else table.select(list(columns))


def step_tables(store: Store, step: str, columns: Sequence[str] | None, outcome: str | None) -> Iterator[pa.Table]:
    """As :func:`step_table`, unit by unit: no more than one unit is in memory."""
    for stage in stages_with(store, step):
        yield from _parts(store, stage, step, columns, outcome)


def _parts(
    store: Store, stage: StageFiles, step: str, columns: Sequence[str] | None, outcome: str | None
) -> Iterator[pa.Table]:
    for name, path in stage.units.items():
        table = _read(store, stage.rows[name], columns)
        if stage.rows[name] != path:
            table = _decided(table, _read(store, path, None), step, columns)
        if missing := sorted(set(columns or ()) - set(table.column_names)):
            all_names = {*_read(store, stage.rows[name], None).column_names, *_read(store, path, None).column_names}
            known = ", ".join(sorted(all_names))
            raise UnknownColumn(f"step {step!r} has no column {missing[0]!r}; its columns: {known}")
        yield _at_step(table, step, outcome)


def _read(store: Store, path: str, columns: Sequence[str] | None) -> pa.Table:
    with store.open_input(path) as source, pq.ParquetFile(source) as file:
        names = None if columns is None else [n for n in file.schema_arrow.names if n in {*columns, *DECIDING}]
        return file.read(columns=names)


def _decided(rows: pa.Table, decisions: pa.Table, step: str, columns: Sequence[str] | None) -> pa.Table:
    """The rows that were decided on, with the decisions."""
    places = {row_id: k for k, row_id in enumerate(decisions["id"].to_pylist())}
    found = [places.get(row_id) for row_id in rows["id"].to_pylist()]
    rows = rows.filter(pa.array([place is not None for place in found], pa.bool_()))
    decisions = decisions.take(pa.array([place for place in found if place is not None], pa.int64()))
    for name in decisions.column_names:
        if columns is None or name in {*columns, *DECIDING}:
            rows = _with(rows, name, decisions[name])
    return _with(rows, "stopped_at", pa.array([step] * len(rows), pa.string()))


def _at_step(table: pa.Table, step: str, outcome: str | None) -> pa.Table:
    """The rows of a unit that reached ``step``, with their outcome there."""
    found = [outcome_at(Row(values), step) for values in table.select(list(DECIDING)).to_pylist()]
    wanted = pa.array([there is not None and outcome in (None, there[0]) for there in found], pa.bool_())
    for k, name in enumerate(("outcome", "reason")):
        table = _with(table, name, pa.array([there and there[k] for there in found], pa.string()))
    return table.filter(wanted)


def _with(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    if name not in table.column_names:
        return table.append_column(name, values)
    return table.set_column(table.column_names.index(name), name, values)
