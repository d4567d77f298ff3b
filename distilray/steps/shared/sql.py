"""DuckDB in a global step: reading in batches, and writing tables while they are read."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

BATCH = 2048
"""Rows in memory at once as Python's objects."""


def batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    """The result of ``query``, some thousand rows at a time, streamed. ``connection`` is busy until its end."""
    reader = connection.sql(query).to_arrow_reader(BATCH)
    assert reader is not None
    yield from reader


def create(connection: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema) -> None:
    """An empty table."""
    arrow_rows = schema.empty_table()  # noqa: F841  (DuckDB finds it by name)
    connection.execute(f"CREATE TABLE {table} AS SELECT * FROM arrow_rows")


def insert(connection: duckdb.DuckDBPyConnection, table: str, arrow_rows: pa.Table) -> None:
    """Appends rows that have the table's columns in its order."""
    connection.execute(f"INSERT INTO {table} SELECT * FROM arrow_rows")


def literal(text: str) -> str:
    """``text`` as a string in SQL."""
    return "'" + text.replace("'", "''") + "'"
