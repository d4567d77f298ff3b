"""A run directory is the same thing on a disk and on an object store."""

import itertools
import os
import pickle
import threading

import pytest

from distilray.ledger import Lease
from distilray.storage import Store, StoreError


@pytest.mark.parametrize(
    ("place", "why", "remedy"),
    [
        ("s3://", "names no bucket", "such as s3://bucket/runs/first"),
        ("/", "the whole disk", "give a folder"),
        ("ftp://me:secret@host/run", "Unrecognized filesystem type", "give a folder"),
        ("s3://me:secret@b/run?nonsense=1", "Unexpected query parameter", "such as s3://"),
        ("s3://b/run?scheme=http&region=x&endpoint_override=127.0.0.1:1", "NETWORK_CONNECTION", "is the server up"),
    ],
)
def test_a_place_that_cannot_be_is_named_with_the_remedy(place, why, remedy):
    with pytest.raises(StoreError) as told:
        Store.reach(place)
    assert why in str(told.value) and remedy in str(told.value)
    assert "secret" not in str(told.value)


def test_a_place_where_nothing_can_be_written_is_told_before_a_run_starts(s3_endpoint, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        Lease.acquire(Store.reach(tmp_path / "file" / "run"))
    nowhere = Store.reach(f"s3://nowhere/run?scheme=http&endpoint_override={s3_endpoint}&region=us-east-1")
    with pytest.raises(StoreError, match="make the bucket first"):
        Lease.acquire(nowhere)


def test_what_is_written_is_read_back_also_after_pickling(store):
    store.write("steps/00-sources/a+b.parquet", b"rows")
    assert pickle.loads(pickle.dumps(store)).read("steps/00-sources/a+b.parquet") == b"rows"


def test_a_second_write_replaces_the_first(store):
    store.write("run.json", b"old")
    store.write("run.json", b"new")
    assert store.read("run.json") == b"new"


def test_names_are_sorted_and_a_missing_folder_has_none(store):
    for name in ("b", "a", "c/d"):
        store.write(f"steps/{name}", b"")
    assert store.names("steps") == ["a", "b", "c"]
    assert store.names("nowhere") == []


def test_deleting_what_is_gone_is_fine(store):
    store.write("attempts/p/u/mark", b"")
    store.delete("attempts/p/u/mark")
    store.delete("attempts/p/u/mark")
    store.delete_dir("attempts/p")
    store.delete_dir("attempts/p")
    assert not store.exists("attempts/p/u/mark")
    assert store.names("attempts/p") == []


def test_reading_what_is_missing_says_so(store):
    with pytest.raises(FileNotFoundError):
        store.read("run.json")


def test_json_survives_and_damage_names_the_file(store):
    store.write_json("run.json", {"name": "zh 数学", "rows": 3})
    assert store.read_json("run.json") == {"name": "zh 数学", "rows": 3}
    store.write("run.json", b"{")
    with pytest.raises(ValueError, match=r"run\.json is not JSON"):
        store.read_json("run.json")


def test_a_folder_moves_with_all_that_is_in_it(store):
    store.write("steps/01-answer/manifest.json", b"m")
    store.write("steps/01-answer/decisions/unit-000000.parquet", b"u")
    store.move_dir("steps/01-answer", "set-aside/old", last="manifest.json")
    assert store.files_below("set-aside") == [
        "set-aside/old/decisions/unit-000000.parquet",
        "set-aside/old/manifest.json",
    ]
    assert store.files_below("steps") == []


def test_what_cannot_be_written_publishes_nothing(store):
    with pytest.raises(TypeError):
        store.write("steps/unit-000000.parquet", "text is no buffer")  # type: ignore[arg-type]
    assert store.names("steps") == []


def test_a_relative_path_means_the_same_folder_from_everywhere(tmp_path):
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        store = Store("runs/first")
    finally:
        os.chdir(before)
    assert store.uri == str(tmp_path / "runs" / "first")


def test_keys_in_the_uri_are_not_shown():
    store = Store("s3://AKIA:very+secret@bucket/run?region=us-east-1")
    assert "secret" not in repr(store) and "bucket/run" in repr(store)


def test_an_object_that_is_replaced_while_it_is_read_is_read_whole(store):
    store.write_json("progress.json", [0])
    over = threading.Event()

    def replace():
        for number in itertools.count(1):
            if over.wait(0.1):
                return
            store.write_json("progress.json", [number] * (1 + number % 2 * 500), durable=False)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(40):
            assert len(set(store.read_json("progress.json"))) == 1
    finally:
        over.set()
        writer.join()


def test_an_object_that_is_deleted_and_written_anew_while_it_is_read_is_read_again(s3_store, monkeypatch):
    s3_store.write("lease/one.json", b"old")
    open_input, exists, opened = Store.open_input, Store._exists, []

    def open_and_lose(store, path):
        file = open_input(store, path)
        if not opened:  # what comes next finds no object
            store.delete(path)
        opened.append(path)
        return file

    def written_anew(store, path):
        store.write(path, b"new")
        return exists(store, path)

    monkeypatch.setattr(Store, "open_input", open_and_lose)
    monkeypatch.setattr(Store, "_exists", written_anew)
    assert s3_store.read("lease/one.json") == b"new"
    assert len(opened) == 3
