"""Keys of an endpoint and of an object store go where they are needed, and are written and shown nowhere."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

import distilray as dr
from distilray.cli import main
from distilray.models.engines.base import Launch
from distilray.runner.connection import FOLDER
from distilray.storage import Store

API_KEY, STORE_KEY = f"sk-{uuid.uuid4().hex}", uuid.uuid4().hex


class Locked(BaseHTTPRequestHandler):
    """An endpoint for who has the key; it looks at the process list meanwhile."""

    refused: ClassVar[list[str | None]] = []
    lines: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization")
        if key != f"Bearer {API_KEY}":
            self.refused.append(key)
        if not self.lines:
            self.lines |= {" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])}
        message = {"role": "assistant", "content": f"It is {body['messages'][-1]['content'][-3:]}"}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices, "usage": usage}
        payload = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def locked() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Locked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def records() -> Iterator[dict[str, Any]]:
    return ({"instruction": f"Say {k:03d}", "reference": str(k)} for k in range(40))


def recipe(endpoint: str) -> dr.Recipe:
    return dr.Recipe(
        name="secrets",
        models={"teacher": dr.OpenAIModel(base_url=endpoint, model="m", api_key_env="SECRETS_TEST_KEY")},
        sources=[dr.Source(name="rows", uses="tests.driver.test_secrets:records", language="en")],
        steps=[dr.steps.Answer(model="teacher")],
        resources=dr.Resources(unit_rows=8, runners=1, runner_cpus=0.1),
    )


def holding(folder: Path, keys: list[str]) -> list[str]:
    """Files below ``folder`` that hold one of ``keys``."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 64 << 20:
            data = path.read_bytes()
            found += [str(path) for key in keys if key.encode() in data]
    return found


@pytest.mark.slow
def test_a_run_writes_no_key_and_shows_none(
    ray_cluster: None,
    locked: str,
    s3_endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    import ray

    monkeypatch.setenv("SECRETS_TEST_KEY", API_KEY)
    query = f"?scheme=http&endpoint_override={s3_endpoint}&region=us-east-1"
    address = f"s3://id:{STORE_KEY}@runs/{uuid.uuid4().hex}{query}"
    caplog.set_level(logging.DEBUG)
    run = dr.run(recipe(locked), directory=address)
    assert not Locked.refused and run.outcomes["answer"].kept == 40
    assert main(["status", address]) == 0 and main(["report", address]) == 0 and main(["rows", address, "answer"]) == 0
    keys = [API_KEY, STORE_KEY]
    said = capfd.readouterr()
    for text in (caplog.text, said.out, said.err, "\n".join(Locked.lines), repr(run.store)):
        assert not any(key in text for key in keys)
    assert Locked.lines
    store = Store(address)
    written = {path: store.read(path) for path in store.files_below("")}
    assert {"run.json", "recipe.yaml", "report.html"} <= set(written)
    for path, data in written.items():
        assert not any(key.encode() in data for key in keys), path
    assert not holding(Path(ray._private.worker._global_node.get_logs_dir_path()), keys)
    if Path(FOLDER).exists():
        assert not holding(Path(FOLDER), keys)


def test_what_an_engine_is_started_with_is_shown_without_its_keys() -> None:
    assert API_KEY not in repr(Launch("logs", {"SECRETS_TEST_KEY": API_KEY}))


def test_keys_in_a_recipes_address_are_not_shown(capsys: pytest.CaptureFixture[str], s3_endpoint: str) -> None:
    query = f"?scheme=http&endpoint_override={s3_endpoint}&region=us-east-1"
    assert main(["plan", f"s3://id:{STORE_KEY}@runs/absent.yaml{query}"]) == 2
    said = capsys.readouterr()
    assert "absent.yaml" in said.err and STORE_KEY not in said.out + said.err
