"""Processes killed inside the alignment loop: every row comes through, and no reply that arrived is bought again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util import list_named_actors

from distilray.driver import run
from distilray.ledger import Manifest, reconcile
from distilray.storage import Store
from tests.support.paths import RECIPES

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("ray_cluster")]

RECIPE = RECIPES / "practice_ds3.yaml"
ROWS, IN_FLIGHT = 1600, 64  # so many that a killed engine is back, half a minute later, before the last row
SETTINGS = [
    f"sources.traces.with.rows={ROWS}",
    "sources.traces.with.split=held_out",
    "models.judge.replicas=2",
    "models.judge.cpus=0.5",
    "resources.runners=1",
    f"resources.rows_in_flight={IN_FLIGHT}",
    "train=[]",
    "evaluate=[]",
]


class Counter:
    """What the engines themselves say they answered, asked many times a second; one entry for each process."""

    def __init__(self) -> None:
        self.seen: dict[int, dict[str, Any]] = {}

    def look(self) -> dict[str, dict[str, Any]]:
        """The latest word of each living engine."""
        found = {}
        for named in list_named_actors(all_namespaces=True):
            if "/judge/" in named["name"]:
                try:
                    stats = ray.get(ray.get_actor(**named).stats.remote(), timeout=2)
                except (ValueError, ray.exceptions.RayError):  # it is on its way up or down
                    continue
                self.seen[stats["pid"]] = found[named["name"].rsplit("/", 1)[1]] = stats
        return found

    def replies(self) -> int:
        return sum(stats["replies"] for stats in self.seen.values())


def going(counter: Counter, directory: Path, unit_rows: int) -> Iterator[dict[str, dict[str, Any]]]:
    """Runs the recipe and gives what the engines say, until the run has ended."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            run(str(RECIPE), [*SETTINGS, f"resources.unit_rows={unit_rows}"], directory=str(directory))
        except BaseException as error:  # for the test's thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        yield counter.look()
        time.sleep(0.02)
    if errors:
        raise errors[0]


def loop_of(directory: Path) -> Manifest:
    [phase] = (directory / "steps").glob("01-*")
    manifest = Manifest.read(Store(str(directory)), f"steps/{phase.name}")
    assert manifest is not None
    return manifest


def check_rows(directory: Path) -> None:
    [align] = [step for step in loop_of(directory).steps if step.name == "align_trace"]
    assert (align.rows_in, align.failed) == (ROWS, 0)
    assert align.kept > 0.7 * ROWS
    assert not reconcile(Store(str(directory)), deep=True).problems


def test_an_engine_that_dies_in_the_loop_costs_only_what_it_had_not_answered(tmp_path: Path) -> None:
    counter, killed = Counter(), None
    for engines in going(counter, tmp_path, unit_rows=32):
        victim = engines.get("0")
        if killed is None and victim and victim["replies"] >= 60 and victim["running"] >= 8:
            time.sleep(0.05)  # what it had answered when it was asked has arrived by now
            os.kill(victim["pid"], signal.SIGKILL)
            killed = victim
    assert killed is not None
    paid = loop_of(tmp_path).models["judge"]
    assert not paid["replayed"]
    assert paid["replies"] - IN_FLIGHT <= counter.replies() <= paid["replies"]
    assert len(counter.seen) == 3  # the victim, the other one, the victim started anew
    check_rows(tmp_path)


def test_a_runner_that_dies_in_the_loop_finds_its_replies_in_the_log(tmp_path: Path) -> None:
    counter, killed = Counter(), False
    for _ in going(counter, tmp_path, unit_rows=240):
        if not killed and counter.replies() >= 240:
            os.kill(runner_pid(), signal.SIGKILL)
            killed = True
    assert killed
    needed = loop_of(tmp_path).models["judge"]
    assert needed["replayed"] >= 240 - IN_FLIGHT
    # Each row has at most one request under way: more than that is not lost with a runner, and so not paid twice.
    assert counter.replies() <= needed["replies"] + IN_FLIGHT
    check_rows(tmp_path)


def runner_pid() -> int:
    """The process of the one row runner of this cluster."""
    from ray._private.state import actors

    runners = [one for one in actors().values() if "RowRunner" in one["ActorClassName"]]
    [pid] = [one["Pid"] for one in runners if one["State"] == "ALIVE"]
    return pid
