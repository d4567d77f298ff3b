"""About ten thousand units a stage, whatever the size of the data, and nothing is read through to know."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilray.runner import Resources, fitting_unit_rows
from distilray.runner.unit_size import _size, rows_of_a_unit
from distilray.sources import Source, list_files

GIGA = 10**9


@pytest.mark.parametrize(
    ("rows", "row_bytes", "expected"),
    [
        (0, 0, 256),
        (1_000_000, 500, 256),
        (5_000_000, 500, 500),
        (100_000_000, 500, 10_000),
        (GIGA, 500, 16_384),
        (GIGA, 40_000, 1_677),  # 64 MB
        (1_000, 1 << 30, 1),  # a row that is larger than a unit may be
    ],
)
def test_a_unit_grows_with_the_data_up_to_a_bound(rows: int, row_bytes: float, expected: int) -> None:
    assert rows_of_a_unit(rows, row_bytes) == expected


def write(folder: Path, name: str, rows: int) -> None:
    lines = "".join(
        json.dumps({"instruction": f"What is {k} plus one?", "output": str(k + 1)}) + "\n" for k in range(rows)
    )
    data = lines.encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def rows_found(path: Path, limit: int | None = None) -> float:
    source = Source(name="s", path=str(path), limit=limit)
    return _size(source, list_files(source))[0]


def test_rows_are_estimated_from_sizes_and_first_records(tmp_path: Path) -> None:
    for k in range(3):
        write(tmp_path, f"{k}.jsonl", 10_000)
    assert rows_found(tmp_path) == pytest.approx(30_000, rel=0.1)
    assert rows_found(tmp_path, limit=700) == 700


def test_compressed_files_count_as_more_than_their_size(tmp_path: Path) -> None:
    write(tmp_path, "rows.jsonl.gz", 10_000)
    assert 10_000 / 4 < rows_found(tmp_path) < 4 * 10_000


def test_parquet_says_how_many_rows_it_has(tmp_path: Path) -> None:
    table = pa.table({"instruction": [f"say {k}" for k in range(5_000)], "output": ["x"] * 5_000})
    for k in range(2):
        pq.write_table(table, tmp_path / f"{k}.parquet")
    assert rows_found(tmp_path) == pytest.approx(10_000)


def test_the_limit_of_the_run_counts(tmp_path: Path) -> None:
    write(tmp_path, "rows.jsonl", 100)
    source = Source(name="s", path=str(tmp_path))
    assert fitting_unit_rows([source], [list_files(source)], limit=10) == 256


def test_a_number_in_a_recipe_is_taken_as_it_is() -> None:
    assert Resources(unit_rows=7).rows_per_unit == 7 and Resources().rows_per_unit == 256
