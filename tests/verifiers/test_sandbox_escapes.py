"""A corpus of escapes from the sandbox, as root and as an ordinary user, with all layers and without namespaces."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.escapes import UNENDING, attacks
from tests.support.paths import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the corpus has the call numbers of x86-64"),
]
ORDINARY = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
"""Root becomes an ordinary user, who may still enter the folder of Python: one of a namespace without privileges."""


def as_user(user: str) -> list[str]:
    """What stands before a command that ``user`` runs; skips where this machine cannot."""
    root = os.geteuid() == 0
    if user == "root" and not root:
        pytest.skip("needs root")
    if user == "root" or not root:
        return []
    if shutil.which("unshare") is None or subprocess.run([*ORDINARY, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a user namespace")
    return ORDINARY


@pytest.fixture(scope="module", params=[[], ["namespaces"]], ids=["all layers", "no namespaces"])
def without(request: pytest.FixtureRequest) -> list[str]:
    return request.param


@pytest.fixture(scope="module", params=["root", "ordinary user"])
def tried(request: pytest.FixtureRequest, without: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of the corpus, and of what it was to leave alone."""
    before = as_user(request.param)
    folder = tmp_path_factory.mktemp("outside")
    folder.chmod(0o777)
    secret = folder / "secret"
    secret.write_text("hunter2")
    os.utime(secret, (1e9, 1e9))
    mode = secret.stat().st_mode
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0distilray-escape")
    abstract.listen()
    with (
        abstract,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        port = server.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        asked = {"without": without, "secret": str(secret), "folder": str(folder), "port": port}
        done = subprocess.run(
            [*before, sys.executable, "-m", "tests.support.escaping", json.dumps(asked)],
            cwd=ROOT, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout)
        for listening in (server, datagrams, abstract):
            listening.settimeout(0.05)
        calls = (server.accept, lambda: datagrams.recv(100), abstract.accept)
        found["reached"] = sum(succeeds(call) for call in calls)
    found |= {"secret": secret, "folder": folder, "mode": mode}
    return found


def succeeds(call: Any) -> bool:
    try:
        call()
    except TimeoutError:
        return False
    return True


def keeps(found: dict[str, Any], layers: tuple[str, ...]) -> bool:
    return any(found["layers"][layer] for layer in layers)


def test_no_attack_succeeds(tried: dict[str, Any]) -> None:
    found, corpus = tried["attacks"], attacks()
    assert len(found) > 25 and set(found) == set(corpus)
    kept = {name for name, (layers, _) in corpus.items() if not layers or keeps(tried, layers)}
    assert {name: text for name, (_, text) in found.items() if "ESCAPED" in text and name in kept} == {}
    # An attack that ends of a mistake of its own has tried nothing.
    assert {name: told for name, told in found.items() if told[0] != "exit" or "Error" in told[1]} == {}


def test_what_lies_outside_is_as_it_was(tried: dict[str, Any]) -> None:
    if not keeps(tried, ("namespaces", "landlock")):
        pytest.skip("this machine has neither namespaces nor Landlock")
    secret: Path = tried["secret"]
    assert secret.read_text() == "hunter2" and sorted(path.name for path in tried["folder"].iterdir()) == ["secret"]
    assert secret.stat().st_mtime == 1e9 and secret.stat().st_mode == tried["mode"]
    assert not Path("/tmp/distilray-planted").exists() and not Path("/dev/shm/planted").exists()


def test_another_process_runs_as_it_did(tried: dict[str, Any]) -> None:
    assert tried["before"]["status"] == "runs" and tried["after"] == tried["before"]


def test_nothing_arrives_from_inside(tried: dict[str, Any]) -> None:
    assert tried["reached"] == 0


def test_what_does_not_end_is_ended_and_the_next_program_runs(tried: dict[str, Any]) -> None:
    assert {name: ended for name, (ended, _) in tried["unending"].items()} == dict.fromkeys(UNENDING, "time")
    assert not [text for _, text in tried["unending"].values() if "ESCAPED" in text]
    assert tried["honest"] == ["exit", "42\n"]
