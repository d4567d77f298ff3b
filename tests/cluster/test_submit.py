"""``ray job submit`` against a cluster of two nodes, with the words of the README."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from distilray.ledger import reconcile
from distilray.storage import Store
from tests.support.echo_recipe import write
from tests.support.nodes import Nodes, environment
from tests.support.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long]


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
