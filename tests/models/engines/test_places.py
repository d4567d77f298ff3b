"""How busy an engine is, and an engine that takes time."""

from __future__ import annotations

import asyncio
import statistics

from benchmarks.simulator.clock import simulated
from distilray.models import EchoModel
from distilray.models.engines.echo import EchoEngine, latencies
from distilray.models.engines.places import Places
from tests.support.models import request


def test_places_count_their_busy_seconds_and_never_more_than_there_are() -> None:
    now = [0.0]
    places = Places(4, lambda: now[0])
    for at, change in ((1, 2), (3, 4), (5, -1), (6, -5)):
        now[0] = at
        (places.take if change > 0 else places.free)(abs(change))
    now[0] = 10
    # 0 for a second, 2 for two, 4 of 6 for two, 4 of 5 for one
    assert (places.busy_s, places.taken) == (2 * 2 + 4 * 2 + 4 * 1, 0)


def answered(model: EchoModel, requests: int, n: int = 1) -> tuple[float, float]:
    """Seconds until all were answered, and the engine's busy seconds, under a virtual clock."""

    async def ask() -> tuple[float, float]:
        engine = EchoEngine("m/0", model)
        engine.places = Places(model.concurrency, asyncio.get_running_loop().time)

        async def one(seed: int) -> None:
            await engine._one(seed, "a", request("a", seed=seed, n=n))

        await asyncio.gather(*map(one, range(requests)))
        return asyncio.get_running_loop().time(), engine.places.busy_s

    return simulated(ask())


def test_replies_beyond_the_places_wait_in_the_engine() -> None:
    model = EchoModel(latency_s=2, concurrency=4)
    assert answered(model, 8) == (4.0, 16.0)
    assert answered(model, 3) == (2.0, 6.0)
    assert answered(model, 4, n=2) == (4.0, 16.0)  # each reply takes a place


def test_latencies_are_log_normal_around_their_mean_and_come_from_the_seed() -> None:
    model = EchoModel(latency_s=2, latency_sigma=0.8)
    drawn = [latencies(model, seed, 1)[0] for seed in range(20_000)]
    assert abs(statistics.mean(drawn) - 2) < 0.05
    assert abs(statistics.median(drawn) - 2 * 2.718281828 ** -(0.8**2 / 2)) < 0.03
    assert latencies(model, 7, 3) == latencies(model, 7, 3) and len(set(latencies(model, 7, 3))) == 3
    assert latencies(EchoModel(latency_s=2), 7, 2) == [2, 2]
