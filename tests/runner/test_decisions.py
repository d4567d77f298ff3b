"""What a global step decided goes from the database into shards without ever lying in memory as a whole."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from distilray.runner.decisions import decided_rows, shard_path, write_shards
from distilray.steps.select import Select
from distilray.storage import Store
from tests.support.residency import Residency

MIB = 2**20
ROWS, UNIT, SHARD = 900_000, 256, 64
"""Rows, rows of a unit, units of a shard."""
DATABASE = 128 * MIB


@pytest.fixture
def connection(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """A database on disk with a long id in each row, as ids that name files are: 150 bytes."""
    made = duckdb.connect(f"{tmp_path}/rows.duckdb")
    made.execute(f"SET memory_limit='{DATABASE // MIB}MiB'; SET temp_directory='{tmp_path}'; SET threads=2")
    made.execute(f"""
        CREATE TABLE rows AS SELECT repeat('folder/', 20) || k AS id, (k // {UNIT})::INTEGER AS unit,
               (k * 7919 % 1000)::DOUBLE AS score, 'math' AS task, 'en' AS language
        FROM range({ROWS}) AS numbers (k)
    """)
    return made


@pytest.mark.slow
def test_a_million_decisions_are_never_in_memory_together(tmp_path: Path, connection: duckdb.DuckDBPyConnection):
    store, firsts = Store(tmp_path / "run"), list(range(0, -(-ROWS // UNIT), SHARD))
    resident = Residency()
    write_shards(store, "stage", decided_rows(connection, Select(by="score", at_least=500)), firsts)
    assert resident.peak() < DATABASE + 112 * MIB  # streamed 168 MiB, as for a third of the rows; copied 343
    shards = [pq.read_table(store.full(shard_path("stage", k))) for k in range(len(firsts))]
    assert sum(shard.num_rows for shard in shards) == ROWS
    units = [unit for shard in shards for unit in (shard["unit"][0].as_py(), shard["unit"][-1].as_py())]
    assert units == sorted(units) and units[::2] == firsts
    assert sum(shard["reason"].null_count for shard in shards) == ROWS // 2
