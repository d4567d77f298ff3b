"""A real S3-compatible server behind a proxy that refuses and cuts: a patient store loses nothing on it."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.faulty_store import FaultyStore
from distilray.ledger import ReplyLog
from distilray.storage import Store, read_parquet, upload, write_parquet


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultyStore]:
    with FaultyStore(s3_endpoint, refused=0.1, cut=0.05) as proxy:
        yield proxy


def behind(proxy: FaultyStore, patience_s: float = 120) -> Store:
    uri = f"s3://runs/{uuid.uuid4().hex}?scheme=http&endpoint_override={proxy.address}&region=us-east-1"
    return Store(uri, patience_s)


def test_what_many_threads_write_is_all_there(proxy: FaultyStore) -> None:
    store = behind(proxy)
    table = pa.table({"id": [f"r{k}" for k in range(100)]})

    def work(k: int) -> None:
        store.write(f"steps/{k}.json", b"%d" % k)
        write_parquet(store, f"units/{k}.parquet", table, "key", {"k": k})
        assert store.read(f"steps/{k}.json") == b"%d" % k
        assert read_parquet(store, f"units/{k}.parquet").equals(table)
        if k % 2:
            store.delete(f"steps/{k}.json")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(60)))
    assert store.names("steps") == sorted(f"{k}.json" for k in range(0, 60, 2))
    assert len(store.names("units")) == 60
    assert proxy.requests["refused"] > 20 and proxy.requests["cut"] > 5


def test_a_reply_log_outlives_a_server_that_is_away_for_seconds(proxy: FaultyStore) -> None:
    store = behind(proxy)
    log = ReplyLog(store, "phase", "unit")
    back = threading.Timer(5, lambda: setattr(proxy, "down", False))
    proxy.down = True
    back.start()
    for k in range(20):
        log.put(f"key{k}", [{"text": "x" * 1000}])
        time.sleep(0.05)
    log.close()
    back.join()
    assert len(ReplyLog(store, "phase", "unit")) == 20


@pytest.mark.slow
def test_a_checkpoint_whose_upload_is_cut_counts_only_when_it_is_whole(s3_endpoint: str, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    weights = random.Random(3).randbytes(24 << 20)  # three parts of a multipart upload
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text("{}")
    plain = Store(f"s3://runs/{uuid.uuid4().hex}?scheme=http&endpoint_override={s3_endpoint}&region=us-east-1")
    with FaultyStore(s3_endpoint, refused=0.1, cut=0.3) as proxy:
        through = Store(plain.uri.replace(s3_endpoint, proxy.address))
        for _ in range(20):
            try:
                upload(through, str(folder), "final")
            except OSError:
                assert not plain.exists("final/config.json") or plain.read("final/model.safetensors") == weights
            else:
                if proxy.requests["cut"] > 2:
                    break
        assert proxy.requests["cut"] > 2
    assert plain.read("final/config.json") == b"{}" and plain.read("final/model.safetensors") == weights
