"""Columns of many files: the same as one by one, in two requests each where there are requests."""

from __future__ import annotations

import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.faulty_store import FaultyStore
from distilray.storage import Store, file_sizes, read_parquet, scan_parquet, write_parquet

ROWS = 300


def table(number: int) -> pa.Table:
    """Narrow columns at both ends of a wide one."""
    ids = [f"r{number}-{k}" for k in range(ROWS)]
    texts = [uuid.uuid5(uuid.NAMESPACE_URL, one).hex * 20 for one in ids]
    return pa.table({"id": ids, "messages": texts, "outcome": ["kept"] * ROWS, "score": [k / 7 for k in range(ROWS)]})


def written(store: Store, files: int = 3) -> list[str]:
    paths = [f"steps/units/unit-{number}.parquet" for number in range(files)]
    for number, path in enumerate(paths):
        write_parquet(store, path, table(number), "key", number)
    return paths


@pytest.mark.parametrize("columns", [None, {"id", "score"}, {"outcome", "not there"}])
def test_a_scan_is_what_reading_gives(store: Store, columns: set[str] | None) -> None:
    paths = written(store)
    sizes = file_sizes(store, {"steps/units", "steps/none"})
    assert {path: len(store.read(path)) for path in paths} == sizes
    for path in paths:
        assert scan_parquet(store, path, columns, sizes.get(path)).equals(read_parquet(store, path, columns))


def test_a_file_of_known_size_costs_two_requests(s3_endpoint: str) -> None:
    with FaultyStore(s3_endpoint) as proxy:
        store = Store(f"s3://runs/{uuid.uuid4().hex}?scheme=http&endpoint_override={proxy.address}&region=us-east-1")
        paths = written(store)
        sizes = file_sizes(store, {"steps/units"})
        proxy.requests.clear()
        for path in paths:
            assert scan_parquet(store, path, {"id", "score", "outcome"}, sizes[path]).num_rows == ROWS
        assert dict(proxy.requests) == {"GET": 2 * len(paths)}


def test_a_file_that_is_gone_is_told(s3_store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan_parquet(s3_store, "steps/units/unit-0.parquet", {"id"}, 1000)
    with pytest.raises(FileNotFoundError):
        scan_parquet(Store(tmp_path), "steps/units/unit-0.parquet", {"id"})
