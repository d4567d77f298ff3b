"""A run directory on servers that speak the protocols of Google Cloud Storage and Azure Blob Storage."""

from __future__ import annotations

import pyarrow as pa
import pytest

from distilray.ledger import Lease, RunIsHeld
from distilray.storage import Store, read_parquet, write_parquet
from tests.support.clouds import azure, cloud_store, gcs  # noqa: F401  (fixtures)

pytestmark = pytest.mark.slow


def test_files_and_folders_are_written_listed_and_moved(cloud_store: Store) -> None:  # noqa: F811
    store = cloud_store
    for name in ("a", "b/c", "manifest.json"):
        store.write(f"steps/{name}", b"old")
        store.write(f"steps/{name}", b"newer")
    assert store.names("steps") == ["a", "b", "manifest.json"] and store.names("nowhere") == []
    assert store.files_below("steps") == ["steps/a", "steps/b/c", "steps/manifest.json"]
    assert store.read("steps/b/c") == b"newer"
    for path in store.files_below("steps"):
        store._move(store.full(path), store.full(f"aside/{path}"))
    assert store.names("aside/steps") == ["a", "b", "manifest.json"] and not store.exists("steps/a")
    store.delete("aside/steps/a")
    store.delete("aside/steps/a")
    assert store.files_below("") == ["aside/steps/b/c", "aside/steps/manifest.json"]
    with pytest.raises(FileNotFoundError):
        store.read("steps/a")


def test_tables_are_read_back_and_a_second_driver_is_kept_out(cloud_store: Store) -> None:  # noqa: F811
    table = pa.table({"id": [f"r{k}" for k in range(1000)]})
    write_parquet(cloud_store, "units/0.parquet", table, "key", {"k": 1})
    assert read_parquet(cloud_store.patient(), "units/0.parquet").equals(table)
    with Lease.acquire(cloud_store, ttl_s=20), pytest.raises(RunIsHeld):
        Lease.acquire(cloud_store, ttl_s=20)
    with Lease.acquire(cloud_store, ttl_s=20):
        assert len(cloud_store.names("lease")) == 1


def test_a_signature_is_not_shown(azure: str) -> None:  # noqa: F811
    assert "sig=***" in Store(azure).shown and "sig=***" in repr(Store(azure))
