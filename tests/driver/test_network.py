"""Two nodes of a real cluster exchange data before a command begins; where they cannot, or are slow, it does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.nodes import Nodes, environment
from tests.support.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]


def tried(nodes: Nodes, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "jobs" / "check_network.py", "--gpus", "0", "--mib", "16", *words]
    return subprocess.run(
        [*command, "--", sys.executable, "-c", "print('the command ran')"],
        env=environment(RAY_ADDRESS=nodes.address, PYTHONPATH=str(ROOT), GLOO_SOCKET_IFNAME="lo"),
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_runs_after_two_nodes_have_exchanged_data(nodes: Nodes) -> None:
    done = tried(nodes, "--at-least", "0.001")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("2 processes on 2 nodes exchange ") and done.stdout.endswith("the command ran\n")


def test_nodes_that_are_too_slow_stop_it(nodes: Nodes) -> None:
    done = tried(nodes, "--at-least", "1000")
    assert done.returncode == 1 and "the command ran" not in done.stdout
    assert "less than 1000" in done.stderr and "NCCL_DEBUG=INFO" in done.stderr


def test_nodes_that_are_not_there_stop_it(nodes: Nodes) -> None:
    done = tried(nodes, "--nodes", "3", "--wait", "3")
    assert done.returncode == 1 and "3 nodes with a free CPU each were not there within 3 s" in done.stderr
