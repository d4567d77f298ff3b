"""How many units' columns lie in one scan file, and that few of the files are in memory at once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from distilray.runner.scan import first_units, scan_reader
from distilray.storage import Store, write_parquet


@pytest.mark.parametrize(
    ("sizes", "firsts"),
    [
        ([1] * 7, [0, 3, 6]),
        ([], [0]),
        ([40, 40, 40, 40], [0, 2]),
        ([500, 1, 500], [0, 1, 2]),
        ([1, 500], [0, 1]),
    ],
)
def test_a_scan_file_is_bounded_by_units_and_by_bytes(sizes: list[int], firsts: list[int]) -> None:
    assert first_units(sizes, together=3, most=100) == firsts


def test_scan_files_are_one_stream(tmp_path: Path) -> None:
    store = Store(tmp_path)
    paths = [f"scan/{k}.parquet" for k in range(6)]
    for k, path in enumerate(paths):
        write_parquet(store, path, pa.table({"id": pa.array([f"{k}-{j}" for j in range(k)], pa.string())}), "key", k)
    reader = scan_reader(store, paths)
    assert reader.schema.names == ["id"]
    assert reader.read_all()["id"].to_pylist() == [f"{k}-{j}" for k in range(6) for j in range(k)]
