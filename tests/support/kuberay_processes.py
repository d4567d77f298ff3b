"""A rendered RayCluster as processes of this machine: the commands that KubeRay's operator makes of a manifest, with
the manifest's own environment, its mounts moved below a folder.

What differs is what pods do not share and processes do: addresses, ports, the size of the object store.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.support.nodes import kill, wait_for
from tests.support.paths import ROOT
from tests.support.ports import free_port

BIN = Path(sys.executable).parent
MOUNTS = {"/etc/distilray": "recipe", "/runs": "runs", "/weights": "weights", "/tmp/cache": "cache"}
GIB = 2**30


class Processes:
    """A head and a worker of each group that is there from the start. A context manager that ends them."""

    def __init__(self, cluster: Mapping[str, Any], recipe: str, folder: Path, token: str) -> None:
        """``cluster``: a RayCluster spec; ``recipe``: that of its ConfigMap; ``folder``: of a short path, since Ray's
        sockets lie in it; ``token``: what the operator's Secret would hold."""
        self.cluster, self.folder, self.token = cluster, folder, token
        self.port, self.dashboard = free_port(), free_port()
        self.processes: list[psutil.Process] = []
        for place in MOUNTS.values():
            (folder / place).mkdir()
        (folder / "recipe" / "recipe.yaml").write_text(recipe, "utf-8")

    def moved(self, text: str) -> str:
        """``text`` with the mounts of the pods where they are here."""
        for mount, place in MOUNTS.items():
            text = text.replace(mount, str(self.folder / place))
        return text

    def environment(self, pod: Mapping[str, Any] | None = None) -> dict[str, str]:
        """That of the pod's container, and what the operator adds to any."""
        given = pod["spec"]["containers"][0]["env"] if pod is not None else []
        own = {entry["name"]: self.moved(entry["value"]) for entry in given if "value" in entry}
        operators = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}
        here = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        return {**here, **own, **operators}

    def __enter__(self) -> Processes:
        try:
            head = self.cluster["headGroupSpec"]
            self._start("head", head, ["--head", f"--port={self.port}", f"--dashboard-port={self.dashboard}",
                                       f"--temp-dir={self.folder / 'ray'}"])  # fmt: skip
            for group in self.cluster["workerGroupSpecs"]:
                for k in range(group["replicas"]):
                    self._start(f"{group['groupName']}-{k}", group, [f"--address=127.0.0.1:{self.port}"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        kill(*self.processes)

    def _start(self, name: str, group: Mapping[str, Any], where: list[str]) -> None:
        """``ray start`` as the operator writes it: the group's parameters, and what follows from the pod's limits."""
        pod = group["template"]
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        memory = int(limits["memory"].removesuffix("Gi")) * GIB
        parameters = {"num-cpus": limits["cpu"], "memory": str(memory), **group["rayStartParams"]}
        if "resources" in group:
            parameters["resources"] = "{" + ", ".join(f'"{key}": {n}' for key, n in group["resources"].items()) + "}"
        alone = ["--node-ip-address=127.0.0.1", f"--object-store-memory={200 * 2**20}", "--min-worker-port=0",
                 "--max-worker-port=0", "--disable-usage-stats", f"--dashboard-agent-listen-port={free_port()}",
                 f"--metrics-export-port={free_port()}", "--block"]  # fmt: skip
        words = ["ray", "start", *where, *(f"--{key}={value}" for key, value in parameters.items()), *alone]
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            started = subprocess.Popen(
                ["bash", "-c", f"ulimit -n 65536; {shlex.join(words)}"], env=self.environment(pod), stdout=file,
                stderr=file, cwd=self.moved(pod["spec"]["containers"][0].get("workingDir", str(self.folder))),
            )  # fmt: skip
        self.processes.append(psutil.Process(started.pid))
        wait_for(lambda: "Ray runtime started" in log.read_text("utf-8", "replace"), f"{name}: {log}")

    def run(self, script: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """What a submitter's pod does: ``script`` in a shell, with what the operator gives it."""
        return subprocess.run(
            ["bash", "-c", script], env=self.environment(), cwd=self.folder, capture_output=True, text=True,
            timeout=timeout,
        )  # fmt: skip

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.dashboard}"


def submit_command(job: Mapping[str, Any], address: str, submission: str, entrypoint: str) -> str:
    """The shell command of a RayJob's submitter: it submits once, and follows the logs however often it is started."""
    at = ["--address", address]
    submit = ["ray", "job", "submit", *at, "--no-wait", "--metadata-json", json.dumps(job["metadata"]),
              "--submission-id", submission, "--entrypoint-num-cpus", f"{job['entrypointNumCpus']:f}",
              "--entrypoint-resources", job["entrypointResources"], "--"]  # fmt: skip
    status = shlex.join(["ray", "job", "status", *at, submission])
    follow = shlex.join(["ray", "job", "logs", *at, "--follow", submission])
    return f"if ! {status} >/dev/null 2>&1 ; then {shlex.join(submit)} {entrypoint} ; fi ; {follow}"
