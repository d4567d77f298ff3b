"""No process of an engine outlives it: an idle one, a busy one, one that hangs and one that still loads, each with a
worker for both of its devices."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distilray.models import EnginePools, PoolHandles, VLLMModel
from tests.support.models import request, with_client
from tests.support.processes import living, living_after, tree

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

WITH_WORKERS = 4
"""Processes of an engine with two workers, at the least: the actor, the core and the workers."""
LONG: Any = {"max_tokens": 200, "ignore_eos": True}


@pytest.fixture
def pools(tmp_path: Path) -> Iterator[EnginePools]:
    with EnginePools(f"test-{time.monotonic_ns()}", logs=str(tmp_path)) as pools:
        yield pools


def model(path: str, **settings: Any) -> VLLMModel:
    return VLLMModel(
        path=path, tensor_parallel=2, dtype="float32", max_model_len=256, kv_cache_gib=0.125, max_num_seqs=4, cpus=0.5,
        **settings,
    )  # fmt: skip


def stats(handles: PoolHandles) -> dict[str, Any]:
    import ray

    return ray.get(handles.pools["m"].engines[0].actor.stats.remote())


def test_an_idle_engine_is_gone_when_its_pool_has_stopped(pools: EnginePools, tiny_model: str) -> None:
    pids = tree(stats(pools.start({"m": model(tiny_model)}))["pid"])
    assert len(living(pids)) >= WITH_WORKERS
    pools.stop()
    assert not living(pids)


@pytest.mark.long
def test_a_busy_engine_whose_actor_is_killed_leaves_nothing_and_is_started_again(
    pools: EnginePools, tiny_model: str
) -> None:
    handles = pools.start({"m": model(tiny_model, request_timeout_s=10)})
    first = stats(handles)
    pids = tree(first["pid"])

    async def work(client: Any) -> list[Any]:
        asked = [asyncio.ensure_future(client.ask("m", request(f"row {k}", **LONG))) for k in range(16)]
        while not client.usage["m"].replies:
            await asyncio.sleep(0.02)
        os.kill(first["pid"], signal.SIGKILL)
        await asyncio.to_thread(living_after, pids, 10)
        assert not living(pids)
        replies = [reply for [reply] in await asyncio.gather(*asked)]
        # The one that was started again hangs: its core is stopped in the middle of the next requests.
        second = await asyncio.to_thread(stats, handles)
        again = tree(second["pid"])
        asked = [asyncio.ensure_future(client.ask("m", request(f"row {k}", **LONG))) for k in range(16, 32)]
        while client.usage["m"].replies < 17:
            await asyncio.sleep(0.02)
        os.kill(second["core_pids"][0], signal.SIGSTOP)
        await asyncio.to_thread(living_after, again, 60)
        assert not living(again)
        return replies + [reply for [reply] in await asyncio.gather(*asked)]

    replies = with_client(handles, work)
    assert [reply.tokens_out for reply in replies] == [200] * 32
    assert "hangs: no token for 10 s" in handles.pools["m"].engines[0].log.read_text()
    last = tree(stats(handles)["pid"])
    assert len(living(last)) >= WITH_WORKERS
    pools.stop()
    assert not living(last)


def test_an_engine_that_still_loads_is_gone_when_its_start_is_given_up(pools: EnginePools, tiny_model: str) -> None:
    import ray

    pids: set[int] = set()

    def given_up(text: str) -> None:
        assert pools._keeper is not None
        [slot] = pools._keeper.slots
        if slot.handle is None:
            return
        found = tree(ray.get(slot.handle.actor.stats.remote(), timeout=60)["pid"])
        if len(found) >= WITH_WORKERS:
            pids.update(found)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pools.start({"m": model(tiny_model)}, told=given_up)
    assert len(pids) >= WITH_WORKERS and not living(pids)
