"""Ray nodes started as a user starts them, with ``ray start``: two on this machine, each with its own CPUs."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.support.cluster_start import alone
from tests.support.ports import free_port

RAY = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats"]
# Nodes that share a machine must not hand out the same ports to their workers.
PORTS = ["--min-worker-port=0", "--max-worker-port=0", f"--object-store-memory={200 * 2**20}"]

OWN_FOLDER = """
import sys
from ray._private import ray_constants
from ray.scripts.scripts import main
ray_constants.DEFAULT_RUNTIME_ENV_DIR_NAME = sys.argv.pop(1)
main()
"""
"""``ray`` of a node that unpacks working directories in a folder of its own. Nodes of one machine share their session's
folder, and each first deletes what another has unpacked there, under the feet of a job that runs."""


def wait_for(condition: Callable[[], object], what: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    """This process's, without what it knows of a cluster of its own."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**mine, "RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0", **more}


class Nodes:
    """A head and one more node. A context manager that stops them and all that they started.

    A subclass may give the head other CPUs, the nodes addresses of their own, and all of them more variables.
    """

    head_cpus: int | None = None

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        # Sockets lie below Ray's directory and their paths are limited to 107 characters.
        self.folder, self.cpus = folder, cpus
        self.port, self.dashboard = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.processes: list[psutil.Process] = []
        self.drivers: list[subprocess.Popen[bytes]] = []
        """Of runs on these nodes; none outlives them."""
        self.variables: dict[str, str] = {}

    def __enter__(self) -> Nodes:
        head = [*RAY, "--head", "--node-ip-address=127.0.0.1", f"--port={self.port}", f"--temp-dir={self.folder}"]
        head += ["--include-dashboard=true", "--dashboard-host=127.0.0.1", f"--dashboard-port={self.dashboard}"]
        try:
            with alone():
                self._start("head", head)
                wait_for(lambda: self._listens(self.port), "the head")
                self.join("second")
                wait_for(lambda: len(self.raylets()) == 2, "two raylets")
                wait_for(lambda: self._listens(self.dashboard), "the dashboard")
        except BaseException:
            self.__exit__()
            raise
        return self

    def join(self, name: str) -> psutil.Process:
        """Starts one more node."""
        own = [sys.executable, "-c", OWN_FOLDER, f"resources_of_{name}", *RAY[1:]]
        process = self._start(name, [*own, f"--address={self.address}", f"--node-ip-address={self.next_ip()}"])
        wait_for(lambda: "Ray runtime started" in (self.folder / f"{name}.log").read_text(), f"the node {name}")
        return process

    def next_ip(self) -> str:
        """The address of the node that joins next."""
        return "127.0.0.1"

    def leave(self, process: psutil.Process) -> None:
        """The node ``process`` is gone at once, with all that runs on it."""
        self.processes.remove(process)
        kill(process)

    def _start(self, name: str, command: list[str]) -> psutil.Process:
        log = open(self.folder / f"{name}.log", "ab")  # noqa: SIM115  (lives as long as the process)
        cpus = self.head_cpus if name == "head" and self.head_cpus is not None else self.cpus
        # Only an agent that has its port takes jobs, and the usual one may be that of another cluster here.
        ports = [*PORTS, f"--dashboard-agent-listen-port={free_port()}"]
        started = subprocess.Popen(
            [*command, f"--num-cpus={cpus}", *ports], stdout=log, stderr=log, env=environment(**self.variables)
        )
        self.processes.append(psutil.Process(started.pid))
        return self.processes[-1]

    def _listens(self, port: int) -> bool:
        for process in self.processes:
            assert process.is_running() and process.status() != psutil.STATUS_ZOMBIE, self.logs()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def logs(self) -> str:
        return "\n".join(path.read_text("utf-8", "replace")[-2000:] for path in self.folder.glob("*.log"))

    def raylets(self) -> list[psutil.Process]:
        return [p for node in self.processes for p in _below(node) if _name(p) == "raylet"]

    def find(self, words: str) -> dict[int, list[psutil.Process]]:
        """Processes whose title holds ``words``, by node (0: the head)."""
        return {
            k: [p for p in _below(raylet) if words in " ".join(_line(p))] for k, raylet in enumerate(self.raylets())
        }

    def on_both(self, words: str) -> list[psutil.Process]:
        """The first such process of each node; fails unless there is one on both."""
        found = self.find(words)
        assert len(found) == 2 and all(found.values()), f"{words} is not on both nodes: {found}"
        return [processes[0] for processes in found.values()]

    def __exit__(self, *_: object) -> None:
        """At once: nothing here is worth an orderly end, which takes Ray up to half a minute."""
        kill(*self.processes)
        end(self.drivers)


def end(drivers: list[subprocess.Popen[bytes]]) -> None:
    for driver in drivers:
        driver.kill()
        driver.wait(20)


def kill(*processes: psutil.Process) -> None:
    everything = [p for process in processes for p in [process, *_below(process)]]
    for process in everything:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(everything, timeout=20)


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
