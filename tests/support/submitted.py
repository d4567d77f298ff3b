"""Jobs that are submitted from outside a cluster with ``jobs/submit.sh``, and what their runs came to."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq

from distilray.report.run_status import status
from distilray.storage import Store
from tests.support.nodes import environment, wait_for
from tests.support.paths import ROOT
from tests.support.token_nodes import TokenNodes

AGENTS_S = 300
"""How long the head's agent, which starts jobs, may come after the head."""
ENDED = {"SUCCEEDED", "FAILED", "STOPPED"}


class Submitter:
    """Who knows the address of a cluster's head and has its token."""

    def __init__(self, nodes: TokenNodes, folder: Path) -> None:
        self.nodes, self.folder = nodes, folder
        self.address = f"http://127.0.0.1:{nodes.dashboard}"
        self.variables = {
            **nodes.variables,
            "RAY_API_SERVER_ADDRESS": self.address,
            "JOB_PYTHON": sys.executable,
        }

    def submit(self, job: str, recipe: str, run: str, *overrides: str) -> subprocess.Popen[bytes]:
        """``jobs/submit.sh``, which follows the job's log until it ends, in a file of its own: :meth:`log`."""
        deadline = time.monotonic() + AGENTS_S
        variables = environment(**self.variables, SUBMISSION_ID=job)
        variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
        while True:
            with open(self.folder / f"{job}.log", "wb") as log:
                words = [str(ROOT / "jobs" / "submit.sh"), recipe, run, *overrides]
                process = subprocess.Popen(words, cwd=ROOT, env=variables, stdout=log, stderr=log)
            while process.poll() is None and "submitted successfully" not in self.log(job):
                time.sleep(0.1)
            if "submitted successfully" in self.log(job):
                return process
            assert "agent" in self.log(job) and time.monotonic() < deadline, self.log(job)
            time.sleep(2)

    def log(self, job: str) -> str:
        return (self.folder / f"{job}.log").read_text("utf-8", "replace")

    def ray(self, *words: str) -> str:
        """What ``ray ...`` printed, typed by the submitter; it must succeed."""
        command = [str(Path(sys.executable).with_name("ray")), *words]
        done = subprocess.run(command, env=environment(**self.variables), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def told(self, job: str) -> dict[str, Any]:
        """What the head tells about ``job``: its ``status``, its ``metadata``, its ``entrypoint``."""
        headers = {"Authorization": f"Bearer {self.nodes.token}"}
        answer = httpx.get(f"{self.address}/api/jobs/{job}", headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, job: str) -> str:
        """How ``job`` ended, once it has."""
        wait_for(lambda: self.told(job)["status"] in ENDED, f"the end of {job}", 600)
        return self.told(job)["status"]

    def driver_node(self) -> int:
        """The node on which a driver runs, of one job; 0 is the head."""
        found = [k for k, processes in self.nodes.find("jobs/run.py").items() if processes]
        assert len(found) == 1, f"drivers run on the nodes {found}"
        return found[0]


PHASE = "steps/01-answer+check"


def published(store: Store) -> int:
    """Units of the first phase that are done."""
    return sum(name.endswith(".parquet") for name in store.names(PHASE))


def rows(store: Store) -> dict[str, tuple[Any, ...]]:
    """What became of each row of the first phase, by its id; none is there twice."""
    found: dict[str, tuple[Any, ...]] = {}
    for name in store.names(PHASE):
        if name.endswith(".parquet"):
            for row in pq.read_table(store.full(f"{PHASE}/{name}"), filesystem=store.filesystem).to_pylist():
                assert row["id"] not in found, f"{row['id']} is there twice"
                found[row["id"]] = (row["outcome"], row["reason"], row["answer"])
    return found


def counts(store: Store) -> list[tuple[Any, ...]]:
    """Rows of each step: in, created, kept, rejected, failed, and whether they add up."""
    fields = ("name", "rows_in", "created", "kept", "rejected", "failed", "reconciled")
    return [tuple(step[field] for field in fields) for step in status(store)["steps"]]
