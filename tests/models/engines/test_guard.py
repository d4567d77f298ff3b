"""The guard ends what an engine's actor leaves behind, whatever ended the actor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from distilray.models.engines.guard import await_gone, guards, kill_group
from tests.support.paths import ROOT
from tests.support.processes import living, living_after

ACTOR = """
import subprocess, sys, time
from distilray.models.engines.guard import start_guard
start_guard(sys.argv[1])
core = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
print(subprocess.Popen([sys.executable, "-S", "-c", core]).pid, flush=True)
time.sleep(600)
"""


class Engine:
    """A process with a guard, its child, and the child of that."""

    def __init__(self, name: str) -> None:
        self.name = name
        command = [sys.executable, "-c", ACTOR, name]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.actor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.actor.stdout is not None
        self.children = [int(self.actor.stdout.readline()) for _ in range(2)]

    def end(self) -> None:
        self.actor.kill()
        self.actor.wait()
        assert self.actor.stdout is not None
        self.actor.stdout.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    started = Engine(f"test/{uuid.uuid4().hex}/teacher/0/")
    yield started
    started.end()
    assert not living_after(started.children, 10)


def test_an_actor_that_is_killed_takes_its_children_and_theirs_with_it(engine: Engine) -> None:
    assert living(engine.children) == set(engine.children)
    assert guards([engine.name]) == {engine.actor.pid: engine.name}
    os.kill(engine.actor.pid, signal.SIGKILL)
    assert not await_gone([engine.name], 10)
    assert not living(engine.children)


def test_an_actor_nobody_has_waited_for_yet_counts_as_gone(engine: Engine) -> None:
    engine.actor.kill()  # a zombie as long as this process does not ask for its status
    assert not await_gone([engine.name], 10)


def test_an_engine_that_lives_is_waited_for_in_vain(engine: Engine) -> None:
    assert await_gone([engine.name], 0.3) == {engine.actor.pid: engine.name}
    assert guards([engine.name[:-2]]) and not guards([f"{engine.name}0/"])
    assert living(engine.children) == set(engine.children)


def test_a_hung_core_is_killed_by_its_own_actor_which_lives(engine: Engine) -> None:
    assert kill_group(engine.actor.pid, spare=engine.actor.pid)
    assert not living_after(engine.children, 10)
    assert living([engine.actor.pid])
    assert not kill_group(engine.actor.pid, spare=engine.actor.pid)
