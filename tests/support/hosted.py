"""What tests of serving share: a finished run of a tiny student, free ports, waiting until something is ready."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import yaml

from distilray.ledger import Manifest
from distilray.storage import Store
from tests.support.checkpoints import make_student
from tests.support.ports import free_port

SYSTEM = "You add numbers."
CONTEXT = 512
START_WITHIN_S = 900
"""About 30 s on a quiet machine; minutes where others compute."""


def small_student(folder: Path) -> str:
    """A tiny random student whose context is ``CONTEXT`` tokens."""
    path = make_student(folder)
    config = Path(path, "config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"max_position_embeddings": CONTEXT}))
    return path


def finished_run(folder: Path) -> Path:
    """A run with a finished training of a tiny random student."""
    blank = small_student(folder / "blank")
    run = folder / "run"
    store = Store(run)
    training = {"kind": "sft", "name": "sft", "student": "blank", "system": SYSTEM, "epochs": 1.0}
    recipe = {"models": {"blank": {"kind": "vllm", "path": blank}}, "train": [training]}
    store.write("recipe.yaml", yaml.safe_dump(recipe).encode())
    small_student(run / "training" / "sft" / "final")
    Manifest(name="sft", kind="training", fingerprint="f", finished="2026-01-01").write(store, "training/sft")
    return run


def ready_status(url: str) -> int:
    """The status of GET /ready; 0 where nothing listens."""
    try:
        return httpx.get(f"{url}/ready", timeout=30).status_code
    except httpx.TransportError:
        return 0


def statuses_until_ready(url: str, process: subprocess.Popen[str]) -> set[int]:
    """Waits for GET /ready to give 200, as long as ``process`` lives; what it gave before."""
    before: set[int] = set()
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        status = ready_status(url)
        if status == 200:
            return before
        before.add(status)
        time.sleep(0.2)
    raise AssertionError(f"not ready after {START_WITHIN_S} s")


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """``process`` and all below it."""
    return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]


@contextmanager
def served(target: str) -> Iterator[str]:
    """The URL at which ``distilray serve`` hosts ``target``, without keys, until the block ends."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("distilray")), "serve", target, "--port", str(port)]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        statuses_until_ready(url, process)
        yield url
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
