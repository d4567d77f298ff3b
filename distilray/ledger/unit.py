"""Units: a slice of rows in one Parquet file, whose footer holds their counts.

A phase writes one file per unit with every row that entered it. A global step writes, for each of these
files, a *decision* file of the same name: ``id``, ``outcome``, ``reason`` and the columns that it adds; the
text of the rows stays where it is. ``UnitInput(path, decisions)`` names a file and the decisions taken on it
since, and :func:`kept_rows` reads the rows that are still kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from distilray.ledger.counts import UnitCounts
from distilray.rows import Row
from distilray.storage import Store, read_parquet, read_parquet_footer, write_parquet

COUNTS_KEY = "distilray.counts"
VERDICT = ("outcome", "reason")


@dataclass(frozen=True, slots=True)
class UnitInput:
    """A unit to read: a Parquet file and the decision files that later global steps wrote about it, oldest
    first."""

    path: str
    decisions: tuple[str, ...] = ()


def write_unit(
    store: Store,
    path: str,
    rows: pa.Table | Sequence[Row | Mapping[str, Any]],
    schema: pa.Schema,
    counts: UnitCounts,
) -> None:
    """Publishes a unit at ``path``, atomically: its rows in ``schema``, its counts in the file's footer.

    Raises :class:`ValueError` that names the column (and row) whose value does not fit the schema, or a
    column that the schema lacks.
    """
    table = _table(rows, schema) if isinstance(rows, Sequence) else rows.cast(schema)
    write_parquet(store, path, table, COUNTS_KEY, counts)


def read_unit_counts(store: Store, path: str) -> UnitCounts:
    """The counts in the footer of the unit at ``path``; the rows are not read."""
    return read_footer(store, path)[0]


def read_footer(store: Store, path: str) -> tuple[UnitCounts, int]:
    """The counts of a unit and the number of rows in its file."""
    footer = read_parquet_footer(store, path, COUNTS_KEY)
    return footer.as_type(UnitCounts), footer.rows


def kept_rows(
    store: Store,
    unit: UnitInput,
    columns: Sequence[str] | None = None,
    read: Callable[[Store, str, set[str] | None], pa.Table] = read_parquet,
) -> pa.Table:
    """Rows of ``unit`` that were kept (or have no outcome yet) and that no decision rejected, in file order.

    ``columns`` narrows what is read (``None``: all); columns that decisions add are joined by ``id`` and
    replace those of the same name. ``read``: reads columns of a file. Raises :class:`KeyError` for a column that
    neither file nor decisions have.
    """
    wanted = None if columns is None else {*columns, "id", "outcome"}
    table = read(store, unit.path, wanted)
    table = table.filter((pc.field("outcome") == "kept") | pc.field("outcome").is_null())
    for path in unit.decisions:
        table = _decide(table, read(store, path, wanted))
    return table if columns is None else table.select(columns)


def unit_columns(store: Store, unit: UnitInput) -> list[str]:
    """Columns that :func:`kept_rows` can read from ``unit``; no rows are read."""
    names: list[str] = []
    for path in (unit.path, *unit.decisions):
        names += [name for name in _columns(store, path) if name not in names]
    return names


def _columns(store: Store, path: str) -> list[str]:
    def read() -> list[str]:
        with store.open_input(path) as source:
            return pq.read_schema(source).names

    return store.tried(path, read)


def _decide(table: pa.Table, decisions: pa.Table) -> pa.Table:
    """``table`` without the rows that ``decisions`` rejected, with the columns that they add."""
    outcomes = dict(zip(decisions["id"].to_pylist(), decisions["outcome"].to_pylist(), strict=True))
    place = {row_id: k for k, row_id in enumerate(outcomes)}
    ids = table["id"].to_pylist()
    table = table.filter(pa.array([(outcomes.get(row_id) or "kept") == "kept" for row_id in ids], pa.bool_()))
    places = pa.array([place.get(row_id) for row_id in table["id"].to_pylist()], pa.int64())
    for name in decisions.column_names:
        if name != "id" and name not in VERDICT:
            table = _with_column(table, name, decisions[name].take(places))
    return table


def _with_column(table: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), pa.field(name, values.type), values)
    return table.append_column(pa.field(name, values.type), values)


def _table(rows: Sequence[Row | Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    values = [row.values if isinstance(row, Row) else row for row in rows]
    unknown = set().union(*values) - set(schema.names)
    if unknown:
        raise ValueError(f"rows have columns that no step declares in `writes`: {', '.join(sorted(unknown))}")
    return pa.Table.from_arrays([_array(values, field) for field in schema], schema=schema)


def _array(values: list[Mapping[str, Any]], field: pa.Field) -> pa.Array:
    try:
        return pa.array([value.get(field.name) for value in values], field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise ValueError(f"column {field.name!r}: {_first_misfit(values, field)} ({error})") from error


def _first_misfit(values: list[Mapping[str, Any]], field: pa.Field) -> str:
    for value in values:
        try:
            pa.array([value.get(field.name)], field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return f"row {value.get('id')!r} has {value.get(field.name)!r:.200}, the declared type is {field.type}"
    return f"the declared type is {field.type}"
