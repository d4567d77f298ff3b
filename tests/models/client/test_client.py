"""A client and its engines on a real Ray cluster, with echo engines: batching, deaths, poison."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from distilray.models import (
    EchoModel,
    EngineFailed,
    EnginePools,
    NoEngineAlive,
    OpenAIModel,
    PoolsDoNotFit,
    Price,
    PromptKillsEngines,
)
from distilray.models.client.orphans import held
from tests.support.models import request, with_client

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]


@pytest.fixture
def pools() -> Iterator[EnginePools]:
    with EnginePools(f"test-{time.monotonic_ns()}") as pools:
        yield pools


def echo(**settings) -> EchoModel:
    return EchoModel(kind="echo", **settings)


def stats(handles, model: str) -> list[dict]:
    import ray

    return ray.get([engine.actor.stats.remote() for engine in handles.pools[model].engines])


async def until_up(client, model: str) -> None:
    """Until every engine of ``model`` answers again."""
    while not all(engine.up for engine in client._pools[model].engines.values()):
        await asyncio.sleep(0.1)


def test_every_request_gets_its_own_reply(pools):
    handles = pools.start({"m": echo(tokens=3, price=Price(input=1e6, output=2e6))})

    async def work(client):
        replies = await asyncio.gather(*[client.ask("m", request(f"row {k}")) for k in range(500)])
        return replies, client.usage["m"]

    replies, usage = with_client(handles, work)
    assert [reply.text for (reply,) in replies] == [f"row {k}" for k in range(500)]
    assert (usage.requests, usage.replies, usage.tokens_in, usage.tokens_out) == (500, 500, 1000, 1500)
    assert usage.cost == pytest.approx(1000 * 1 + 1500 * 2)
    assert usage.engines == {"m/0": 500}


def test_a_fast_reply_does_not_wait_for_a_slow_one_of_the_same_call(pools):
    handles = pools.start({"m": echo(latency_s=0.0), "slow": echo(latency_s=1.0)})

    async def work(client):
        slow = asyncio.gather(*[client.ask("slow", request(f"{k}")) for k in range(8)])
        since = time.monotonic()
        await client.ask("m", request("now"))
        waited = time.monotonic() - since
        await slow
        return waited, time.monotonic() - since

    fast, slow = with_client(handles, work)
    assert fast < 0.9 < slow


def test_work_spreads_over_the_engines(pools):
    handles = pools.start({"m": echo(replicas=2)}, wait_for_all=True)

    async def work(client):
        await asyncio.gather(*[client.ask("m", request(f"{k}")) for k in range(400)])
        return client.usage["m"].engines

    engines = with_client(handles, work)
    assert set(engines) == {"m/0", "m/1"} and min(engines.values()) > 100
    assert {entry["engine"]: entry["replies"] for entry in stats(handles, "m")} == engines


def test_a_killed_engine_costs_no_reply_and_comes_back(pools):
    handles = pools.start({"m": echo(replicas=2, latency_s=0.5)}, wait_for_all=True)
    victim = stats(handles, "m")[0]

    async def work(client):
        asked = [asyncio.ensure_future(client.ask("m", request(f"row {k}"))) for k in range(200)]
        await asyncio.sleep(0.25)
        in_flight = client._pools["m"].engines[0].in_flight
        os.kill(victim["pid"], signal.SIGKILL)
        replies = await asyncio.gather(*asked)
        await until_up(client, "m")
        return in_flight, replies, client.usage["m"]

    in_flight, replies, usage = with_client(handles, work)
    assert in_flight > 50
    assert [reply.text for (reply,) in replies] == [f"row {k}" for k in range(200)]
    assert usage.replies == 200
    after = stats(handles, "m")
    assert after[0]["pid"] != victim["pid"]
    assert sum(entry["replies"] for entry in after) <= 200  # at the engines: nothing was answered twice


def test_a_prompt_that_kills_engines_fails_alone(pools):
    os.environ["DISTILRAY_FAULTS"] = '{"kill_engine_on": "POISON"}'
    try:
        handles = pools.start({"m": echo(replicas=2, latency_s=0.2)}, wait_for_all=True)
    finally:
        del os.environ["DISTILRAY_FAULTS"]

    async def work(client):
        asked = [client.ask("m", request("POISON" if k == 7 else f"row {k}")) for k in range(40)]
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = with_client(handles, work)
    assert isinstance(answers[7], PromptKillsEngines)
    assert [answer[0].text for k, answer in enumerate(answers) if k != 7] == [f"row {k}" for k in range(40) if k != 7]


def test_engines_that_are_gone_for_good_stop_the_run(pools):
    handles = pools.start({"m": echo(restarts=0, latency_s=0.2)})

    async def work(client):
        asked = asyncio.ensure_future(client.ask("m", request("row")))
        await asyncio.sleep(0.1)
        os.kill(stats_pid, signal.SIGKILL)
        await asked

    stats_pid = stats(handles, "m")[0]["pid"]
    with pytest.raises(NoEngineAlive, match="gone"):
        with_client(handles, work)


def test_closing_a_client_cancels_what_is_in_flight(pools):
    handles = pools.start({"m": echo(latency_s=30)})

    async def work(client):
        asked = asyncio.ensure_future(client.ask("m", request("row")))
        await asyncio.sleep(0.3)
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await asked

    with_client(handles, work)
    deadline = time.monotonic() + 20
    while stats(handles, "m")[0]["running"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert stats(handles, "m")[0]["running"] == 0


def test_engines_that_cannot_be_placed_are_refused_with_what_there_is():
    refused = r"only 0 of 1 engines with which m begins can be placed. Each needs 5 CPUs.*Lower replicas"
    with pytest.raises(PoolsDoNotFit, match=refused), EnginePools("too-big") as pools:
        pools.start({"m": echo(cpus=5)}, timeout_s=3)
    with pytest.raises(PoolsDoNotFit, match="only 1 of 2 engines"), EnginePools("too-many") as pools:
        pools.start({"m": echo(cpus=3, replicas=2)}, timeout_s=3, wait_for_all=True)


def test_stopped_pools_leave_nothing_reserved(pools):
    import ray

    pools.start({"m": echo(cpus=2)})
    free = ray.available_resources().get("CPU", 0)
    pools.stop()
    deadline = time.monotonic() + 30
    while ray.available_resources().get("CPU", 0) < free + 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ray.available_resources()["CPU"] >= free + 2


def test_a_new_driver_of_the_run_removes_what_the_last_one_left():
    first = EnginePools("same-run")
    left = first.start({"m": echo()})
    pid = stats(left, "m")[0]["pid"]
    # As when its process is gone: nobody looks after its engines, nor knows them.
    first._over.set()
    first._thread.join()
    held.clear()
    with EnginePools("same-run") as second:
        handles = second.start({"m": echo()})
        assert stats(handles, "m")[0]["pid"] != pid
        with pytest.raises(ProcessLookupError):
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.1)


def test_an_endpoint_that_does_not_answer_is_told_at_the_start(pools):
    with pytest.raises(EngineFailed, match="does not answer"):
        pools.start({"m": OpenAIModel(kind="openai", base_url="http://127.0.0.1:9/v1", model="x")})
