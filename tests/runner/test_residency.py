"""Pools of a run: kept for whoever asks next, started anew where they are others or dead, gone when released."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilray.models import EchoModel, PoolHandles, PoolsDoNotFit
from distilray.runner import Residency
from tests.support.models import request, with_client
from tests.support.processes import living_after

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

TEACHER, JUDGE = EchoModel(cpus=0.2, tokens=1), EchoModel(cpus=0.2, tokens=2)


@pytest.fixture
def resident(tmp_path: Path) -> Iterator[Residency]:
    context: Any = SimpleNamespace(run=f"test-{time.monotonic_ns()}", logs=str(tmp_path))
    with Residency(context) as resident:
        yield resident


def pids(handles: PoolHandles) -> dict[str, int]:
    import ray

    return {
        name: ray.get(engine.actor.stats.remote())["pid"]
        for name, pool in handles.pools.items()
        for engine in pool.engines
    }


def replies(handles: PoolHandles, model: str) -> int:
    [reply] = with_client(handles, lambda client: client.ask(model, request("hey")))
    return reply.tokens_out


def test_a_pool_that_runs_is_found_running_and_others_join_it(resident: Residency) -> None:
    first = pids(resident.handles({"teacher": TEACHER}))
    both = resident.handles({"teacher": TEACHER, "judge": JUDGE})
    assert pids(both)["teacher"] == first["teacher"]
    assert [replies(both, name) for name in ("teacher", "judge")] == [1, 2]
    assert resident.reserved() == {"CPU": pytest.approx(0.4), "GPU": 0}
    assert resident.handles({"judge": JUDGE}).pools.keys() == {"judge"}
    assert pids(resident.handles({"judge": JUDGE})) == {"judge": pids(both)["judge"]}


def test_models_of_later_phases_start_at_the_same_time(resident: Residency) -> None:
    resident.together = {"teacher": TEACHER, "judge": JUDGE}
    assert resident.handles({"teacher": TEACHER}).pools.keys() == {"teacher"}
    assert resident.running == {"teacher": TEACHER, "judge": JUDGE}


def test_another_model_of_the_same_name_takes_the_place_of_the_first(resident: Residency) -> None:
    first = pids(resident.handles({"teacher": TEACHER}))
    second = resident.handles({"teacher": JUDGE})
    assert replies(second, "teacher") == 2
    assert not living_after(first.values(), 10)


def test_released_pools_are_gone_and_the_others_stay(resident: Residency) -> None:
    both = resident.handles({"teacher": TEACHER, "judge": JUDGE})
    before = pids(both)
    resident.release(["teacher"])
    assert resident.running == {"judge": JUDGE}
    assert not living_after([before["teacher"]], 10)
    assert replies(resident.handles({"judge": JUDGE}), "judge") == 2


def test_a_pool_that_died_meanwhile_is_started_anew(resident: Residency) -> None:
    mortal = EchoModel(cpus=0.2, restarts=0)
    first = pids(resident.handles({"teacher": mortal}))
    os.kill(first["teacher"], signal.SIGKILL)
    assert not living_after(first.values(), 10)
    again = resident.handles({"teacher": mortal})
    assert pids(again)["teacher"] != first["teacher"] and replies(again, "teacher") == 16


def test_idle_pools_go_where_others_find_no_room_beside_them(
    resident: Residency, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, larger = EchoModel(cpus=2, tokens=1), EchoModel(cpus=3, tokens=2)
    resident.handles({"teacher": large})
    monkeypatch.setattr("distilray.models.client.pools.PLACED_S", 3)
    assert replies(resident.handles({"judge": larger}), "judge") == 2
    assert resident.running == {"judge": larger}
    with pytest.raises(PoolsDoNotFit):
        resident.handles({"judge": larger, "teacher": large})
