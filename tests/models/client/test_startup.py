"""How engines start: each is tried twice, waited for as long as its log moves, and alone where it shares a GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.models import EngineFailed, EnginePools
from tests.support.models import request, with_client
from tests.support.starting import StartingModel, noted


@pytest.fixture
def pools(ray_cluster: None, tmp_path: Path) -> Iterator[EnginePools]:
    with EnginePools(f"test-{time.monotonic_ns()}", logs=str(tmp_path / "logs")) as pools:
        yield pools


def answer(pools: EnginePools, models: dict[str, StartingModel], told: list[str]) -> str:
    handles = pools.start(models, told=told.append)
    [name] = models
    [reply] = with_client(handles, lambda client: client.ask(name, request("is anybody there?")))
    return reply.text


@pytest.mark.slow
def test_a_first_start_that_fails_is_tried_again(pools: EnginePools, tmp_path: Path) -> None:
    assert answer(pools, {"m": StartingModel(folder=str(tmp_path), fails=1)}, []) == "here"
    assert len(noted(tmp_path, "m/0")) == 3  # two beginnings and an end


@pytest.mark.slow
def test_a_start_that_fails_twice_is_an_error_and_leaves_nothing_reserved(pools: EnginePools, tmp_path: Path) -> None:
    import ray

    free = ray.available_resources().get("CPU", 0)
    with pytest.raises(EngineFailed, match=r"m/0 did not start: the port is taken \(tried 2 times\)"):
        pools.start({"m": StartingModel(folder=str(tmp_path), fails=2)})
    assert len(noted(tmp_path, "m/0")) == 2
    deadline = time.monotonic() + 30
    while ray.available_resources().get("CPU", 0) < free and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ray.available_resources()["CPU"] >= free


@pytest.mark.slow
def test_an_engine_whose_log_moves_is_waited_for_and_what_it_says_is_told(pools: EnginePools, tmp_path: Path) -> None:
    loads = StartingModel(folder=str(tmp_path), lines=8, line_s=2, start_timeout_s=12)
    told: list[str] = []
    assert answer(pools, {"m": loads}, told) == "here"
    began, ended = noted(tmp_path, "m/0")
    assert ended - began > loads.start_timeout_s
    assert told[0] == "m/0" and "m/0: Loading weights: 4/8" in told


@pytest.mark.slow
def test_an_engine_that_says_nothing_new_for_too_long_has_failed(pools: EnginePools, tmp_path: Path) -> None:
    hangs = StartingModel(folder=str(tmp_path), lines=1, silent_s=600, start_timeout_s=6)
    last = r"has had nothing new for 6 s \(start_timeout_s\), after 'Loading weights: 1/1' \(tried 2 times\)"
    with pytest.raises(EngineFailed, match=last):
        pools.start({"m": hangs})
    assert len(noted(tmp_path, "m/0")) == 2


@pytest.mark.slow
def test_sharers_of_a_gpu_do_not_start_at_the_same_time(pools: EnginePools, tmp_path: Path) -> None:
    sharers = StartingModel(folder=str(tmp_path), replicas=2, silent_s=1, alone=True)
    pools.start({"m": sharers, "n": StartingModel(folder=str(tmp_path), silent_s=1)}, wait_for_all=True)
    times = sorted(noted(tmp_path, name) for name in ("n/0", "m/0", "m/1"))
    assert times[0][1] <= times[1][0] and times[1][1] <= times[2][0]
