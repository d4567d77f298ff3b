"""A run's student for elsewhere: what is there is copied or pushed, what is not is said in words."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from distilray.export.compression import PYTHON, compressor_python
from distilray.export.students import export_student, push, student_of
from distilray.ledger import Manifest
from distilray.runner import RunStopped
from distilray.storage import Store
from distilray.train import CannotTrain


@pytest.fixture
def run(tmp_path: Path) -> Store:
    """A run with two trainings that are done, and one that is not."""
    store = Store(tmp_path / "run")
    for name, finished in (("sft", "2026-01-01"), ("dpo", "2026-01-02"), ("more", None)):
        Manifest(name=name, kind="training", fingerprint="f", finished=finished).write(store, f"training/{name}")
        store.write(f"training/{name}/final/config.json", json.dumps({"hidden_size": 64, "of": name}).encode())
        store.write(f"training/{name}/final/model.safetensors", b"weights of " + name.encode())
    return store


def test_the_newest_finished_training_has_the_student(run: Store) -> None:
    assert student_of(run) == "training/dpo"
    assert student_of(run, "sft") == "training/sft"
    with pytest.raises(RunStopped, match="no finished training 'more'"):
        student_of(run, "more")


def test_a_student_is_copied_to_a_new_folder_and_not_over_another(run: Store, tmp_path: Path) -> None:
    out = export_student(run, str(tmp_path / "model"), training="sft")
    assert (Path(out) / "model.safetensors").read_bytes() == b"weights of sft"
    with pytest.raises(CannotTrain, match="already exists"):
        export_student(run, out)


def test_without_the_compressor_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.setattr("sys.prefix", "/nowhere/.venv")
    with pytest.raises(CannotTrain, match="make setup-compress"):
        compressor_python()
    monkeypatch.setenv(PYTHON, "/nowhere/python")
    with pytest.raises(CannotTrain, match="no such file"):
        compressor_python()


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as an upload of small files asks for."""

    asked: ClassVar[list[tuple[str, str]]] = []
    committed: ClassVar[list[dict[str, Any]]] = []
    status: ClassVar[int] = 200

    def _answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        Hub.asked.append(("GET", self.path))
        self._answer({"id": "me/model", "sha": "0" * 40, "siblings": [], "private": True})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Hub.asked.append(("POST", self.path))
        address = f"http://{self.headers['Host']}/me/model"
        if Hub.status != 200:
            self._answer({"error": "not yours"}, Hub.status)
        elif "/preupload/" in self.path:
            files = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(body)["files"]]
            self._answer({"files": [{**file, "shouldIgnore": False} for file in files]})
        elif "/commit/" in self.path:
            Hub.committed += [json.loads(line) for line in body.splitlines()]
            self._answer({"commitUrl": f"{address}/commit/{'1' * 40}", "commitOid": "1" * 40, "pullRequestUrl": None})
        else:
            self._answer({"url": address, "name": "me/model", "id": "1"})

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub.constants as constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Hub.asked.clear()
    Hub.committed.clear()
    Hub.status = 200
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_loopback")
    yield endpoint
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_student_is_pushed_file_by_file(hub: str, run: Store) -> None:
    address = push(run.full("training/sft/final"), "me/model")
    assert address.endswith("/me/model")
    paths = {entry["value"]["path"] for entry in Hub.committed if entry["key"] == "file"}
    assert paths == {"config.json", "model.safetensors"}
    assert ("POST", "/api/repos/create") in Hub.asked


def test_a_hub_that_refuses_is_said_in_words(hub: str, run: Store) -> None:
    Hub.status = 403
    with pytest.raises(CannotTrain, match="refuses .*log in"):
        push(run.full("training/sft/final"), "me/model")


def test_a_hub_that_is_not_there_is_said_in_words(hub: str, run: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CannotTrain, match="HF_HUB_OFFLINE is set"):
        push(run.full("training/sft/final"), "me/model")


def test_a_name_that_cannot_be_is_said_in_words(hub: str, run: Store) -> None:
    with pytest.raises(CannotTrain, match="OWNER/NAME"):
        push(run.full("training/sft/final"), "not a name/at all/really")
