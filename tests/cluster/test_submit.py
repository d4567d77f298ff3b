"""``ray job submit`` with the words of the README; then from outside, with a token, to a cluster that loses nodes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from distilray.ledger import reconcile
from distilray.storage import Store
from tests.support.echo_recipe import write
from tests.support.nodes import Nodes, environment, kill, wait_for
from tests.support.paths import ROOT
from tests.support.submitted import Submitter, counts, published, rows
from tests.support.token_nodes import token_nodes

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1500)]

ROWS, UNITS = 960, 30


def test_a_submitted_job_runs_its_recipe_with_overrides(nodes: Nodes, tmp_path: Path) -> None:
    recipe = write(tmp_path, rows=300)
    ray = str(Path(sys.executable).with_name("ray"))
    submit = [ray, "job", "submit", f"--address=http://127.0.0.1:{nodes.dashboard}", "--working-dir", "."]
    job = ["--", sys.executable, "jobs/run.py", recipe, "--run", str(tmp_path / "run"), "models.teacher.replicas=2"]
    deadline = time.monotonic() + 300
    while True:
        done = subprocess.run([*submit, *job], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600)
        if "No available agent" not in done.stderr or time.monotonic() > deadline:
            break
        time.sleep(2)  # a node joins before the agent that starts its jobs is up
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    store = Store(str(tmp_path / "run"))
    assert reconcile(store, deep=True).ok
    assert store.read_json("run.json")["state"] == "finished"
    assert "replicas: 2" in store.read("recipe.yaml").decode()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Half a minute of work for two runners."""
    return write(tmp_path_factory.mktemp("recipe"), rows=ROWS, latency=1.0, in_flight=32)


def until_under_way(store: Store, process: subprocess.Popen[bytes], submitter: Submitter, job: str) -> None:
    """Some units are done and more are not."""
    wait_for(lambda: published(store) >= 4 or process.poll() is not None, f"units of {job}", 600)
    assert process.poll() is None and published(store) < UNITS, submitter.log(job)


def test_from_outside_with_a_token_jobs_are_followed_stopped_lost_with_their_node_and_go_on(
    recipe: str, tmp_path: Path
) -> None:
    with token_nodes() as nodes:
        submitter = Submitter(nodes, tmp_path)
        undisturbed = Store(str(tmp_path / "undisturbed"))
        assert submitter.submit("undisturbed", recipe, undisturbed.uri).wait(timeout=900) == 0
        log = submitter.log("undisturbed")
        assert "run echo in" in log and "Job 'undisturbed' succeeded" in log
        told = submitter.told("undisturbed")
        assert told["metadata"]["run"] == undisturbed.uri and len(told["metadata"]["recipe_sha256"]) == 16
        assert len(rows(undisturbed)) == ROWS
        assert "run echo in" in submitter.ray("job", "logs", "-f", "undisturbed")
        assert "succeeded" in submitter.ray("job", "status", "undisturbed")

        # Without the token nobody submits, nor reads what others have submitted.
        assert httpx.get(f"{submitter.address}/api/jobs/", timeout=60).status_code in (401, 403)
        processes = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
        for shown in (nodes.logs(), log, str(submitter.told("undisturbed")), str(processes)):
            assert nodes.token not in shown

        lost = Store(str(tmp_path / "lost"))
        process = submitter.submit("lost", recipe, lost.uri)
        until_under_way(lost, process, submitter, "lost")
        node = submitter.driver_node()
        assert node != 0, "the driver runs on the head, which has no CPUs"
        nodes.leave(nodes.processes[node])
        assert submitter.ended("lost") == "FAILED" and process.wait(timeout=300) == 1
        assert "Job 'lost' failed" in submitter.log("lost")
        assert published(lost) < UNITS
        nodes.join("fourth")
        again = submitter.submit("lost-2", recipe, lost.uri)
        assert again.wait(timeout=900) == 0, submitter.log("lost-2")

        stopped = Store(str(tmp_path / "stopped"))
        process = submitter.submit("stopped", recipe, stopped.uri)
        until_under_way(stopped, process, submitter, "stopped")
        submitter.ray("job", "stop", "stopped")
        assert submitter.ended("stopped") == "STOPPED" and process.wait(timeout=300) == 1
        assert published(stopped) < UNITS
        assert submitter.submit("stopped-2", recipe, stopped.uri).wait(timeout=900) == 0, submitter.log("stopped-2")

        for store in (lost, stopped):
            assert rows(store) == rows(undisturbed) and counts(store) == counts(undisturbed)
            assert reconcile(store, deep=True).ok
            assert store.read_json("run.json")["sessions"] == 2


def test_when_the_head_is_lost_a_fresh_cluster_goes_on_from_the_object_store(
    recipe: str, s3_store: Store, tmp_path: Path
) -> None:
    """What a RayJob's retry does: another cluster, another submission, the same run directory."""
    with token_nodes() as nodes:
        submitter = Submitter(nodes, tmp_path)
        process = submitter.submit("first", recipe, s3_store.uri)
        until_under_way(s3_store, process, submitter, "first")
        kill(*nodes.processes)
        assert process.wait(timeout=300) == 2 and "has not answered for a minute" in submitter.log("first")
    before = set(rows(s3_store))
    assert 0 < len(before) < ROWS
    with token_nodes() as nodes:
        submitter = Submitter(nodes, tmp_path)
        assert submitter.submit("second", recipe, s3_store.uri).wait(timeout=900) == 0, submitter.log("second")
        undisturbed = Store(str(tmp_path / "undisturbed"))
        assert submitter.submit("undisturbed", recipe, undisturbed.uri).wait(timeout=900) == 0
    assert rows(s3_store) == rows(undisturbed) and counts(s3_store) == counts(undisturbed)
    assert before <= set(rows(s3_store)) and reconcile(s3_store, deep=True).ok


def test_the_folder_that_is_sent_is_small_and_a_job_in_a_bare_python_says_what_it_lacks(tmp_path: Path) -> None:
    with token_nodes() as nodes:
        submitter = Submitter(nodes, tmp_path)
        recipe = str(ROOT / "jobs" / "recipes" / "quickstart.yaml")
        bare = tmp_path / "bare-python"
        bare.write_text(f'#!/bin/sh\nfind . -type f | sed "s/^/sent /"\nexec {sys.executable} -I -S "$@"\n')
        bare.chmod(0o755)
        submitter.variables["JOB_PYTHON"] = str(bare)
        assert submitter.submit("bare", recipe, str(tmp_path / "run")).wait(timeout=300) != 0
        log = submitter.log("bare")
    assert "Traceback" not in log
    [line] = {line for line in log.splitlines() if " lacks distilray, " in line and line.startswith(sys.executable)}
    assert "before `ray start`" in line
    sent = {line.removeprefix("sent ./") for line in log.splitlines() if line.startswith("sent ")}
    assert {"jobs/run.py", "jobs/recipes/quickstart.yaml", "distilray/cli/run.py"} <= sent
    assert not {path for path in sent if path.startswith(("tests/", "docs/", "benchmarks/", ".git/", ".venv/"))}
    assert len(sent) < 1500 and sum((ROOT / path).stat().st_size for path in sent) < 12 << 20
