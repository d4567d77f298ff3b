"""Rows in DuckDB as a global step gets them, for tests of what steps decide about a whole set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from distilray.rows import schema_with
from distilray.steps import GlobalStep


def row(name: str, text: str = "", **columns: Any) -> dict[str, Any]:
    """A row that asks ``text``."""
    return {"id": name, "source": "s", "language": "en", "messages": [{"role": "user", "content": text}], **columns}


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pa.Table:
    """``rows`` with the core columns and ``columns``; those without a unit are in unit 0."""
    schema = schema_with(columns).append(pa.field("unit", pa.int32()))
    return pa.Table.from_pylist([{"unit": 0, **row} for row in rows], schema=schema)


class Decided:
    """What ``step`` decides about ``rows``: by id, and its summary."""

    def __init__(self, step: GlobalStep, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str] = {}) -> None:
        connection = duckdb.connect()
        wanted = sorted({"id", "unit", *step.columns_read()})
        arrived = table(rows, columns).select(wanted)  # noqa: F841  (DuckDB finds it by name)
        connection.execute("CREATE TABLE rows AS SELECT * FROM arrived")
        found = connection.sql(f"SELECT * FROM ({step.decide(connection)})").to_arrow_table()
        assert found is not None
        decisions = found.to_pylist()
        self.rows: dict[str, dict[str, Any]] = {decision["id"]: decision for decision in decisions}
        assert len(decisions) == len(self.rows) == len(rows), "a row is missing, or stands twice"
        assert set(found.column_names) == {"id", "unit", "reason", *step.columns_written()}
        self.summary: dict[str, Any] = step.summary(connection) if hasattr(step, "summary") else {}

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self.rows[name]

    @property
    def kept(self) -> set[str]:
        return {name for name, decision in self.rows.items() if decision["reason"] is None}

    @property
    def reasons(self) -> dict[str, str]:
        return {name: decision["reason"] for name, decision in self.rows.items() if decision["reason"]}
