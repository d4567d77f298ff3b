"""A run directory that one of two nodes does not see is refused before anything is read."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.cluster_driver import Driver
from tests.support.nodes import Nodes

pytestmark = pytest.mark.slow

RECIPE = """
name: shared
models:
  teacher: {kind: echo, tokens: 8}
sources:
  - {name: problems, uses: "distilray.practice:problems", with: {rows: 64, seed: 5}}
steps:
  - answer: {model: teacher}
resources: {unit_rows: 16, runners: 2, runner_cpus: 0.1}
"""
HIDE = 'mount -t tmpfs none "$0" && exec "$@"'


class HalfBlind(Nodes):
    """The second node has an empty disk of its own in place of the folder ``hidden``."""

    def __init__(self, folder: Path, hidden: Path) -> None:
        super().__init__(folder)
        self.hidden = hidden

    def _start(self, name: str, command: list[str]) -> None:
        blind = ["unshare", "-m", "sh", "-c", HIDE, str(self.hidden)] if name == "second" else []
        super()._start(name, [*blind, *command])


def can_hide() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-m", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_hide(), reason="needs the right to mount")
@pytest.mark.timeout(600)
def test_a_folder_that_a_node_does_not_see_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="nodes-"))  # short: see Nodes
    try:
        with HalfBlind(folder, tmp_path) as nodes:
            driver = Driver(nodes, tmp_path, RECIPE)
            assert driver.process.wait(timeout=300) == 2, driver.log()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert "not every node of the cluster sees" in driver.log() and "--run s3://" in driver.log()
    assert not driver.store.names("steps") and not [name for name in driver.store.names("") if "probe" in name]
