"""``distilray run`` on nodes, as a process of its own; for tests on a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from distilray.storage import Store
from tests.support.autoscaling import AutoscalingNodes
from tests.support.nodes import Nodes, environment


class Driver:
    def __init__(self, nodes: Nodes | AutoscalingNodes, folder: Path, recipe: str) -> None:
        self.nodes, self.folder = nodes, folder
        self.store = Store(str(folder / "run"))
        (folder / "recipe.yaml").write_text(recipe)
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distilray.cli", "run", str(self.folder / "recipe.yaml")]
        log = open(self.folder / "driver.log", "ab")  # noqa: SIM115  (lives as long as the process)
        self.process = subprocess.Popen(
            [*command, "--run", str(self.folder / "run")],
            stdout=log,
            stderr=log,
            env=environment(RAY_ADDRESS=self.nodes.address),
        )
        self.nodes.drivers.append(self.process)
        return self.process

    def runs(self) -> bool:
        return self.process.poll() is None

    def finish(self) -> None:
        assert self.process.wait(timeout=900) == 0, self.log()

    def log(self) -> str:
        return (self.folder / "driver.log").read_text("utf-8", "replace")[-3000:]
