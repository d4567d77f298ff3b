"""Checkpoints on another filesystem: what a node copies of them, and how often."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.faulty_store import FaultyStore
from distilray.checkpoints import NotACheckpoint, check_checkpoint, checkpoint_id, local_config, weights_bytes
from distilray.storage import RemoteFolder, Store
from tests.support.checkpoints import copy_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISTILRAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultyStore]:
    with FaultyStore(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def uri(proxy: FaultyStore, s3_store: Store, tiny_model: str) -> str:
    """A checkpoint on a server whose requests are counted."""
    for file in Path(tiny_model).iterdir():
        s3_store.write(f"teacher/{file.name}", file.read_bytes())
    place = s3_store.base.removesuffix("/")
    found = f"s3://{place}/teacher?scheme=http&endpoint_override={proxy.address}&region=us-east-1"
    proxy.requests.clear()
    return found


def copied(cache: Path) -> list[str]:
    return sorted(file.name for file in cache.glob("checkpoints/*/*"))


def test_what_is_asked_of_the_config_copies_the_config_alone(uri: str, cache: Path, tiny_model: str) -> None:
    assert local_config(uri) == local_config(tiny_model)
    assert copied(cache) == ["config.json"]


def test_a_checkpoint_is_checked_weighed_and_identified_without_its_weights(
    uri: str, cache: Path, tiny_model: str
) -> None:
    check_checkpoint(uri)
    assert weights_bytes(uri) == weights_bytes(tiny_model)
    assert checkpoint_id(uri, None) == checkpoint_id(tiny_model, None)
    assert "tokenizer.json" in copied(cache) and "model.safetensors" not in copied(cache)


def test_a_file_is_copied_once_however_many_ask_at_the_same_time(uri: str, proxy: FaultyStore, tiny_model: str) -> None:
    asking = [RemoteFolder.at(uri) for _ in range(6)]
    proxy.requests.clear()
    proxy.delay_s = 0.05
    with ThreadPoolExecutor(6) as threads:
        folders = set(threads.map(lambda folder: folder.fetch(), asking))
    assert proxy.requests["GET"] == len(list(Path(tiny_model).iterdir()))
    [folder] = folders
    for file in Path(tiny_model).iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    assert not list((folder.parent.parent / "arriving").iterdir())


def test_what_one_has_copied_the_next_does_not_ask_for(uri: str, proxy: FaultyStore) -> None:
    RemoteFolder.at(uri).fetch()
    there = RemoteFolder.at(uri)
    proxy.requests.clear()
    there.fetch()
    assert not proxy.requests


def test_a_copy_outlives_a_server_that_refuses(uri: str, proxy: FaultyStore, tiny_model: str) -> None:
    there = RemoteFolder.at(uri)
    proxy.refused, proxy.cut = 0.3, 0.1
    folder = there.fetch()
    assert checkpoint_id(str(folder), None) == checkpoint_id(tiny_model, None)


def test_the_part_that_a_killed_process_left_is_written_over(uri: str, cache: Path, tiny_model: str) -> None:
    there = RemoteFolder.at(uri)
    (cache / "arriving").mkdir(parents=True)
    (cache / "arriving" / f"{there.local.name}-model.safetensors").write_bytes(b"x" * (1 << 20))
    assert checkpoint_id(str(there.fetch()), None) == checkpoint_id(tiny_model, None)


def test_a_rewritten_checkpoint_is_copied_again(tmp_path: Path, tiny_model: str) -> None:
    source = copy_of(tiny_model, tmp_path / "m")
    uri = f"file://{source}"
    first = RemoteFolder.at(uri).fetch()
    time.sleep(0.01)
    (source / "config.json").write_text((source / "config.json").read_text() + "\n")
    second = RemoteFolder.at(uri).fetch()
    assert first != second and (second / "config.json").read_bytes() == (source / "config.json").read_bytes()


def test_an_address_without_a_checkpoint_is_named(s3_store: Store) -> None:
    with pytest.raises(NotACheckpoint, match="correct the address or credentials"):
        checkpoint_id(s3_store.uri.replace("?", "/nothing?"), None)
