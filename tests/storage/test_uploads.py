"""A checkpoint folder goes into a store whole, over what was there."""

import pytest

from distilray.storage import Store, upload


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
    write = Store.write
    monkeypatch.setattr(Store, "write", lambda self, path, data: (written.append(path), write(self, path, data)))
    upload(s3_store, folder, "final")
    assert written[-1] == "final/config.json" and len(written) == 3
