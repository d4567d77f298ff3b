"""cluster/serve/student.yaml on a real Ray cluster, through Ray's own `serve run` and `serve deploy`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tests.support.hosted import (
    CONTEXT,
    START_WITHIN_S,
    SYSTEM,
    family,
    ready_status,
    small_student,
    statuses_until_ready,
)
from tests.support.paths import ROOT
from tests.support.ports import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


BIN = Path(sys.executable).parent
KEY = "sk-right"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
    "DISTILRAY_API_KEYS": KEY,
    "RAY_AUTH_MODE": "disabled",
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
}


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_student(tmp_path_factory.mktemp("student"))


def config(student: str, port: int, folder: Path) -> str:
    """The file of the repository with another student, and with one CPU where it asks for two GPUs."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "cluster" / "serve" / "student.yaml").read_text())
    document["http_options"] |= {"host": "127.0.0.1", "port": port}
    document["proxy_location"] = "HeadOnly"
    [application] = document["applications"]
    application["args"]["models"][0] |= {"source": student, "system_prompt": SYSTEM}
    application["args"]["models"][0]["engine"] = {"max_model_len": CONTEXT}
    application["args"] |= {"accelerator": "cpu", "engine": {}, "replicas": 1, "ingress_replicas": 1}
    (folder / "student.yaml").write_text(yaml.safe_dump(document))
    return str(folder / "student.yaml")


def answer(url: str) -> httpx.Response:
    body = {"model": "student", "messages": [{"role": "user", "content": "2 plus 3?"}], "max_tokens": 4}
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=120)


def assert_serves(url: str) -> None:
    reply = answer(url)
    assert reply.status_code == 200, reply.text
    assert 1 <= reply.json()["usage"]["completion_tokens"] <= 4
    assert httpx.get(f"{url}/v1/models", timeout=60).status_code == 401  # keys come from the environment


def heeds_ctrl_c() -> None:
    """In a process before its program begins: a shell starts what it puts into the background with Ctrl-C ignored, and
    tests may run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_serve_run_serves_the_student_until_ctrl_c(student: str, tmp_path: Path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # Ray notes a cluster's address in its folder; one that was killed leaves the note, and `serve run` waits for it.
    scratch = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)  # short: sockets lie in it
    environment = ENVIRONMENT | {"RAY_TMPDIR": scratch.name}
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            ["serve", "run", config(student, port, tmp_path)], env=environment, stdout=log, stderr=log, text=True,
            preexec_fn=heeds_ctrl_c,
        )  # fmt: skip
    try:
        before = statuses_until_ready(url, process)
        assert before <= {0, 404, 503}
        assert_serves(url)
        processes = family(process)
        process.send_signal(signal.SIGINT)
        process.wait(300)
        assert psutil.wait_procs(processes, timeout=30)[1] == []
    finally:
        if process.poll() is None:
            process.kill()
        scratch.cleanup()
    assert ready_status(url) == 0


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of the dashboard of a cluster of its own."""
    dashboard, folder = free_port(), tempfile.mkdtemp(prefix="ray-")  # short: Ray's sockets lie in it
    command = ["ray", "start", "--head", "--block", "--disable-usage-stats", "--num-cpus", "4"]
    command += ["--port", str(free_port()), "--dashboard-port", str(dashboard)]
    command += ["--object-store-memory", "200000000", "--temp-dir", folder]
    node = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    processes = []
    try:
        address = f"http://127.0.0.1:{dashboard}"
        deadline = time.monotonic() + START_WITHIN_S
        while subprocess.run(["serve", "status", "-a", address], env=ENVIRONMENT, capture_output=True).returncode:
            assert time.monotonic() < deadline and node.poll() is None, "the cluster did not start"
            time.sleep(1)
        yield address
        processes = family(node)
    finally:
        node.terminate()
        node.wait(60)
        _, alive = psutil.wait_procs(processes, timeout=20)
        for process in alive:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def test_serve_deploy_serves_the_student(cluster: str, student: str, tmp_path: Path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    file = config(student, port, tmp_path)
    deployed = subprocess.run(
        ["serve", "deploy", "-a", cluster, file], env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert deployed.returncode == 0, deployed.stderr[-2000:]
    deadline = time.monotonic() + START_WITHIN_S
    while ready_status(url) != 200:
        assert time.monotonic() < deadline, said(cluster)
        time.sleep(0.5)
    assert_serves(url)
    assert said(cluster)["applications"]["students"]["status"] == "RUNNING"
    subprocess.run(["serve", "shutdown", "-a", cluster, "-y"], env=ENVIRONMENT, check=True, timeout=300)
    while ready_status(url):
        assert time.monotonic() < deadline, said(cluster)
        time.sleep(0.5)


def said(cluster: str) -> dict[str, Any]:
    """What `serve status` says."""
    shown = subprocess.run(
        ["serve", "status", "-a", cluster], env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    return json.loads(json.dumps(yaml.safe_load(shown.stdout), default=str))
