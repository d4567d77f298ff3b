"""A run directory on a filesystem that only fsspec knows; here its own, which lies in this process's memory."""

from __future__ import annotations

import pickle
import uuid

import pyarrow as pa
import pytest

from distilray.ledger import Lease, RunIsHeld
from distilray.storage import Store, StoreError, read_parquet, write_parquet


@pytest.fixture
def store() -> Store:
    return Store.reach(f"fsspec+memory://bucket/{uuid.uuid4().hex}")


def test_files_are_written_listed_moved_and_deleted(store: Store) -> None:
    store.write_json("run.json", {"name": "zh 数学"})
    for name in ("b", "a", "c/d"):
        store.write(f"steps/{name}", b"old")
        store.write(f"steps/{name}", b"new")
    assert store.read_json("run.json") == {"name": "zh 数学"} and store.read("steps/c/d") == b"new"
    assert store.names("steps") == ["a", "b", "c"] and store.names("nowhere") == []
    assert pickle.loads(pickle.dumps(store)).files_below("steps") == ["steps/a", "steps/b", "steps/c/d"]
    store.move_dir("steps", "set-aside/steps", last="a")
    assert store.files_below("") == ["run.json", "set-aside/steps/a", "set-aside/steps/b", "set-aside/steps/c/d"]
    store.delete("set-aside/steps/a")
    store.delete("set-aside/steps/a")
    store.delete_dir("set-aside")
    store.delete_dir("set-aside")
    assert store.files_below("") == ["run.json"] and not store.exists("set-aside/steps/b")
    with pytest.raises(FileNotFoundError):
        store.read("set-aside/steps/b")


def test_tables_are_read_back_and_the_lease_keeps_a_second_driver_out(store: Store) -> None:
    table = pa.table({"id": ["a", "b"]})
    write_parquet(store, "units/0.parquet", table, "key", {"k": 1})
    assert read_parquet(store.patient(), "units/0.parquet").equals(table)
    with Lease.acquire(store, ttl_s=2), pytest.raises(RunIsHeld):
        Lease.acquire(store, ttl_s=2)
    with Lease.acquire(store, ttl_s=2):
        assert len(store.names("lease")) == 1


def test_a_place_is_told_when_the_package_for_it_is_not_there() -> None:
    with pytest.raises(StoreError, match="installed on every node"):
        Store.reach("fsspec+oci://bucket/run")
