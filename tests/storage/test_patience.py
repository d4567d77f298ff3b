"""A store that fails for a while is waited out; one that refuses is not."""

from __future__ import annotations

import errno
import os
import pickle
import random
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from distilray.errors import MachineryFault
from distilray.storage import StorageFault, Store, patience, read_parquet, write_parquet
from distilray.storage.patience import passes, patiently

SLOW_DOWN = "When uploading: AWS Error SLOW_DOWN during PutObject operation: Please reduce your request rate."
LOST = "AWS Error NETWORK_CONNECTION during PutObject operation: curlCode: 55, Failed sending data to the peer"
DENIED = "AWS Error ACCESS_DENIED during PutObject operation: Access Denied."


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.001)


class Flaky:
    """Fails ``times`` times, then returns how often it was called."""

    def __init__(self, error: OSError, times: int) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.calls


@pytest.mark.parametrize("error", [OSError(SLOW_DOWN), OSError(LOST), OSError(errno.ESTALE, "Stale file handle")])
def test_what_passes_is_waited_out(error: OSError) -> None:
    assert patiently(Flaky(error, 5), "s3://b/a", 60) == 6


@pytest.mark.parametrize("error", [OSError(DENIED), OSError(errno.ENOSPC, "No space left on device")])
def test_what_does_not_pass_is_told_at_once_with_the_place(error: OSError) -> None:
    call = Flaky(error, 1)
    with pytest.raises(StorageFault, match="s3://b/a: .*not tried again") as told:
        patiently(call, "s3://b/a", 60)
    assert call.calls == 1 and isinstance(told.value, MachineryFault | OSError)


def test_a_file_that_is_not_there_is_no_fault() -> None:
    call = Flaky(FileNotFoundError("a"), 9)
    with pytest.raises(FileNotFoundError):
        patiently(call, "s3://b/a", 60)
    assert call.calls == 1


def test_patience_ends_and_says_how_often_it_was_tried() -> None:
    call = Flaky(OSError(SLOW_DOWN), 10**9)
    began = time.monotonic()
    with pytest.raises(StorageFault, match=r"SLOW_DOWN.*tried \d+ times"):
        patiently(call, "s3://b/a", 0.3)
    assert call.calls > 3 and time.monotonic() - began >= 0.3
    assert passes(OSError(SLOW_DOWN))


class Faulty(pafs.FSSpecHandler):
    """A disk on which a ``share`` of all calls fails as a throttled object store does."""

    def __init__(self, share: float) -> None:
        import fsspec

        super().__init__(fsspec.filesystem("file"))
        self.share, self.calls, self.failed = share, 0, 0
        self.draws = random.Random(0)

    def _fail(self) -> None:
        self.calls += 1
        if self.draws.random() < self.share:
            self.failed += 1
            raise OSError(SLOW_DOWN)

    def get_file_info(self, paths: Any) -> Any:
        self._fail()
        return super().get_file_info(paths)

    def get_file_info_selector(self, selector: Any) -> Any:
        self._fail()
        return super().get_file_info_selector(selector)

    def open_input_file(self, path: str) -> Any:
        self._fail()
        return super().open_input_file(path)

    def open_output_stream(self, path: str, metadata: Any) -> Any:
        self._fail()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return super().open_output_stream(path, metadata)

    def delete_file(self, path: str) -> None:
        self._fail()
        super().delete_file(path)

    def move(self, src: str, dest: str) -> None:
        self._fail()
        super().move(src, dest)


def faulty(folder: Path, share: float, patience_s: float) -> tuple[Store, Faulty]:
    store, handler = Store(folder, patience_s), Faulty(share)
    store.filesystem, store.local = pafs.PyFileSystem(handler), False
    return store, handler


def use(store: Store) -> list[Any]:
    """A bit of everything."""
    found: list[Any] = []
    table = pa.table({"id": ["a", "b"], "n": [1, 2]})
    for k in range(8):
        store.write(f"steps/{k}.json", b"%d" % k)
        found.append(store.read(f"steps/{k}.json"))
        write_parquet(store, f"tables/{k}.parquet", table, "key", {"k": k})
        found.append(read_parquet(store, f"tables/{k}.parquet", ["n"]).to_pydict())
        found.append((store.exists(f"steps/{k}.json"), store.exists("nowhere")))
        if k % 2:
            store.delete(f"steps/{k}.json")
    return [*found, store.names("steps"), store.names("nowhere"), store.files_below("tables")]


def test_a_patient_store_does_on_a_failing_disk_what_a_plain_one_does_on_a_good_one(tmp_path: Path) -> None:
    store, handler = faulty(tmp_path / "a", 0.3, patience_s=60)
    assert use(store) == use(Store(tmp_path / "b"))
    assert handler.failed > 20


def test_without_patience_the_first_fault_is_raised_as_it_is(tmp_path: Path) -> None:
    store, handler = faulty(tmp_path / "a", 1, patience_s=0)
    with pytest.raises(OSError, match="SLOW_DOWN") as told:
        store.write("a", b"1")
    assert not isinstance(told.value, StorageFault) and handler.calls == 1


def test_patience_travels_to_other_processes(tmp_path: Path) -> None:
    assert pickle.loads(pickle.dumps(Store(tmp_path).patient(12))).patience_s == 12
    assert Store(tmp_path).patience_s == 0
