"""Lineage: every stage that a row went through, its ancestors and its children."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from distilray.errors import InputError
from distilray.ledger.stages import list_stages
from distilray.storage import Store

READS_AT_ONCE = 16


class StageVisit(msgspec.Struct):
    """A row in one stage's unit."""

    stage: str
    unit: str
    outcome: str
    stopped_at: str | None
    reason: str | None
    history: list[dict[str, Any]]
    """One entry per step, see :data:`distilray.rows.HISTORY`; none for decisions of a global step."""


class Lineage(msgspec.Struct):
    id: str
    parents: list[str]
    """From the row's parent to the source row that it derives from."""
    children: list[str]
    visits: list[StageVisit]


class UnknownRow(InputError, LookupError):
    """No stage of the run has a row of that id."""


def lineage(store: Store, row_id: str) -> Lineage:
    """The outcome of the row ``row_id`` in every stage, its ancestors and its direct children.

    Raises :class:`UnknownRow`. Reads the id columns of the whole run, skipping units whose ids cannot include it.
    """
    found = list(_stage_visits(store, row_id))
    if not found:
        raise UnknownRow(f"{store.shown} has no row {row_id!r}; `distilray rows RUN STEP` shows the ids")
    parents = [parent for _, parent in found if parent]
    ancestors: list[str] = []
    while parents and parents[0] not in ancestors:
        ancestors.append(parents[0])
        parents = [parent for _, parent in _stage_visits(store, parents[0]) if parent]
    children = {child for table in _scan(store, "parent", row_id) for child in table[1]["id"].to_pylist()}
    return Lineage(row_id, ancestors, sorted(children), [visit for visit, _ in found])


def _stage_visits(store: Store, row_id: str) -> Iterator[tuple[StageVisit, str | None]]:
    for (stage, unit), table in _scan(store, "id", row_id):
        for row in table.to_pylist():
            yield (
                StageVisit(
                    stage=stage,
                    unit=unit,
                    outcome=row["outcome"] or "kept",
                    stopped_at=row.get("stopped_at"),
                    reason=row["reason"],
                    history=row.get("history") or [],
                ),
                row.get("parent"),
            )


def _scan(store: Store, column: str, value: str) -> Iterable[tuple[tuple[str, str], pa.Table]]:
    """(stage, unit) and the rows with ``value`` in ``column``, in the order in which rows pass the stages."""
    places = [((stage.folder, name), path) for stage in list_stages(store) for name, path in stage.units.items()]
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        tables = pool.map(lambda place: _rows_with(store, place[1], column, value), places)
        return [(place, table) for (place, _), table in zip(places, tables, strict=True) if table is not None]


def _rows_with(store: Store, path: str, column: str, value: str) -> pa.Table | None:
    with store.open_input(path) as source, pq.ParquetFile(source) as file:
        names = file.schema_arrow.names
        if column not in names:
            return None
        if not any(
            _may_hold(file.metadata.row_group(k), names.index(column), value) for k in range(file.num_row_groups)
        ):
            return None
        shown = [name for name in ("id", "parent", "outcome", "stopped_at", "reason", "history") if name in names]
        where = pc.field(column) == value
        if not file.read(columns=[column], use_threads=False).filter(where).num_rows:
            return None
        return file.read(columns=sorted({*shown, column}), use_threads=False).filter(where)


def _may_hold(group: pq.RowGroupMetaData, column: int, value: str) -> bool:
    """Whether the statistics of a row group leave room for ``value``; the id and parent columns come before lists."""
    statistics = group.column(column).statistics
    if statistics is None or not statistics.has_min_max:
        return statistics is None or statistics.null_count < group.num_rows
    return statistics.min <= value <= statistics.max
