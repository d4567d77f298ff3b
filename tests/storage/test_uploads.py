"""A checkpoint folder goes into a store whole, over what was there."""

import errno
import os

import pytest

from distilray.storage import Store, download_folder, move_file, upload, upload_file, uploads
from tests.support.residency import Residency


@pytest.fixture
def folder(tmp_path):
    for name in ("config.json", "model.safetensors", "adapter/weights"):
        path = tmp_path / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return str(tmp_path / "made")


def test_the_folder_replaces_what_was_there(store: Store, folder: str):
    store.write("training/sft/final/old.bin", b"")
    upload(store, folder, "training/sft/final")
    assert store.files_below("training") == [
        f"training/sft/final/{name}" for name in ("adapter/weights", "config.json", "model.safetensors")
    ]
    assert store.read("training/sft/final/adapter/weights") == b"adapter/weights"
    assert store.names("training/sft") == ["final"]


def test_an_object_store_gets_the_config_last(s3_store: Store, folder: str, monkeypatch):
    written = []
    send = uploads.upload_file
    monkeypatch.setattr(uploads, "upload_file", lambda *told: (written.append(told[2]), send(*told)))
    upload(s3_store, folder, "final")
    assert written[-1] == "final/config.json" and len(written) == 3


def test_a_large_file_is_not_read_into_memory(local_store: Store, tmp_path):
    file = tmp_path / "model.safetensors"
    with open(file, "wb") as sparse:
        sparse.truncate(400 * 2**20)
    residency = Residency()
    upload_file(local_store, file, "final/model.safetensors")
    assert residency.peak() < 100 * 2**20


def test_a_folder_comes_back_as_it_went(store: Store, folder: str, tmp_path):
    upload(store, folder, "final")
    download_folder(store, "final", str(tmp_path / "back"))
    assert (tmp_path / "back" / "adapter" / "weights").read_text() == "adapter/weights"


def test_a_file_that_cannot_be_sent_leaves_nothing(local_store: Store, tmp_path):
    with pytest.raises(FileNotFoundError):
        upload_file(local_store, tmp_path / "missing", "final/model.safetensors")
    assert not list((tmp_path / "run" / "final").iterdir())


def test_a_file_that_is_moved_is_there_whole_and_gone_here(store: Store, tmp_path):
    file = tmp_path / "state.distcp"
    file.write_bytes(b"shard")
    move_file(store, file, "checkpoints/step-00000002/state.distcp")
    assert store.read("checkpoints/step-00000002/state.distcp") == b"shard"
    assert not file.exists()


def test_on_the_same_disk_nothing_is_copied(local_store: Store, tmp_path):
    file = tmp_path / "state.distcp"
    file.write_bytes(b"shard")
    number = file.stat().st_ino
    move_file(local_store, file, "checkpoints/state.distcp")
    assert os.stat(local_store.full("checkpoints/state.distcp")).st_ino == number


def test_from_another_disk_it_is_copied(local_store: Store, tmp_path, monkeypatch: pytest.MonkeyPatch):
    def elsewhere(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(uploads.os, "rename", elsewhere)
    file = tmp_path / "state.distcp"
    file.write_bytes(b"shard")
    move_file(local_store, file, "checkpoints/state.distcp")
    assert local_store.read("checkpoints/state.distcp") == b"shard"
    assert not file.exists()
