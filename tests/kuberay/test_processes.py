"""The commands inside the manifests, as processes with the manifests' own environment: head, worker, submit, serve."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from distilray.kuberay import RenderSettings, render
from distilray.storage import Store
from tests.support import echo_recipe
from tests.support.hosted import START_WITHIN_S, ready_status
from tests.support.kuberay_processes import Processes, submit_command
from tests.support.paths import RECIPES
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]
STUDENT = "package://distilray.practice/checkpoints/student_warm"
DESCRIPTION = 'it\'s "5 $HOME" (five); and `more`'
"""What two shells would change if it were not quoted for both."""


@dataclass(frozen=True)
class Here:
    processes: Processes
    job: dict[str, Any]


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    """The cluster of a rendered RayJob, with token authentication."""
    folder = Path(tempfile.mkdtemp(prefix="kr-"))  # short: Ray's sockets lie in it
    (folder / "data").mkdir()
    overrides = [f"description={DESCRIPTION}"]
    found = render(echo_recipe.write(folder / "data", rows=300), RenderSettings(), overrides)
    job = yaml.safe_load(found.files["run/rayjob.yaml"])["spec"]
    recipe = yaml.safe_load(found.files["storage/recipe.yaml"])["data"]["recipe.yaml"]
    with Processes(job["rayClusterSpec"], recipe, folder, secrets.token_hex(32)) as processes:
        yield Here(processes, job)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_job_is_submitted_once_and_runs_the_recipe(here: Here) -> None:
    processes, job = here.processes, here.job
    entrypoint = processes.moved(job["entrypoint"])
    command = submit_command(job, processes.address, "first", entrypoint)
    deadline = time.monotonic() + 300
    while (done := processes.run(command)).returncode and "No available agent" in done.stderr:
        assert time.monotonic() < deadline, done.stderr[-2000:]
        time.sleep(2)  # a node joins before the agent that starts its jobs is up
    said = done.stdout[-2000:] + done.stderr[-2000:]
    assert done.returncode == 0, said
    store = Store(str(processes.folder / "runs" / "echo"))
    assert store.read_json("run.json")["state"] == "finished", said
    assert yaml.safe_load(store.read("recipe.yaml"))["description"] == DESCRIPTION
    again = processes.run(command)  # as a submitter's pod that was started anew: it follows, and submits nothing
    assert again.returncode == 0 and "done in" in again.stdout
    listed = processes.run(f"ray job list --address {processes.address}").stdout
    assert listed.count("submission_id='first'") == 1
    assert "'recipe': 'echo'" in listed and "'run': '/runs/echo'" in listed


def test_without_the_token_nobody_is_answered(here: Here) -> None:
    refused = httpx.get(f"{here.processes.address}/api/jobs/", timeout=60)
    assert refused.status_code in (401, 403)


def test_the_student_is_served(here: Here) -> None:
    """As the RayService says, with a student that is there and on one port of this machine."""
    files = render(str(RECIPES / "quickstart.yaml"), RenderSettings()).files
    config = yaml.safe_load(yaml.safe_load(files["serve/rayservice.yaml"])["spec"]["serveConfigV2"])
    port = free_port()
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    config["proxy_location"] = "HeadOnly"  # all nodes are this machine
    args = config["applications"][0]["args"]
    args["models"][0]["source"] = STUDENT
    args |= {"replicas": 1, "ingress_replicas": 1}
    (here.processes.folder / "serve.yaml").write_text(yaml.safe_dump(config))
    deployed = here.processes.run(f"serve deploy -a {here.processes.address} serve.yaml")
    assert deployed.returncode == 0, deployed.stderr[-2000:]
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_WITHIN_S
    while ready_status(url) != 200:
        said = here.processes.run(f"serve status -a {here.processes.address}").stdout
        assert time.monotonic() < deadline and "DEPLOY_FAILED" not in said, said
        time.sleep(1)
    body = {"model": "student", "messages": [{"role": "user", "content": "2 plus 3?"}], "max_tokens": 4}
    reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120)
    assert reply.status_code == 200, reply.text
