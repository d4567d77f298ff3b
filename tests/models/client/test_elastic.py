"""Pools whose engines come and go: on one machine, and on nodes that join and leave a cluster."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distilray.models import EchoModel, EnginePools, PoolClient, Replicas, VLLMModel
from distilray.models.client.keeper import Keeper
from tests.support.joining import JoiningModel
from tests.support.models import request, with_client


def test_the_largest_engines_are_placed_first() -> None:
    models = {
        "endpoint": EchoModel(cpus=4),
        "small": VLLMModel(path="a/b", gpus=1, replicas=2),
        "large": VLLMModel(path="a/b", tensor_parallel=8, gpus=8),
        "spread": VLLMModel(path="a/b", tensor_parallel=4, pipeline_parallel=4, gpus=16),
    }
    order = [slot.name for slot in Keeper("order", "logs", models).slots]
    assert order == ["large/0", "spread/0", "small/0", "small/1", "endpoint/0"]


@pytest.fixture
def pools(ray_cluster: None, tmp_path: Path) -> Iterator[EnginePools]:
    with EnginePools(f"elastic-{time.monotonic_ns()}", logs=str(tmp_path / "logs")) as pools:
        yield pools


def ask_for(seconds: float, at_once: int = 20) -> Any:
    """Work that keeps asking; returns texts asked, texts received, and the replies of each engine."""

    async def work(client: PoolClient) -> tuple[list[str], list[str], dict[str, int]]:
        asked, received = [], []
        until = time.monotonic() + seconds

        async def one(lane: int) -> None:
            while time.monotonic() < until:
                asked.append(text := f"row {lane}-{len(asked)}")
                [reply] = await client.ask("m", request(text))
                received.append(reply.text)

        await asyncio.gather(*(one(lane) for lane in range(at_once)))
        return asked, received, client.usage["m"].engines

    return work


@pytest.mark.slow
def test_work_begins_with_the_first_engine_and_others_join_it(pools: EnginePools) -> None:
    import ray

    handles = pools.start({"m": JoiningModel(replicas=3, late_s=3)})
    assert [engine.name for engine in handles.pools["m"].engines] == ["m/0"]
    asked, received, engines = with_client(handles, ask_for(10))
    assert sorted(received) == sorted(asked)
    assert engines.keys() == {"m/0", "m/1", "m/2"} and sum(engines.values()) == len(asked)
    there = handles.pools["m"].now("m").engines
    told = {found["engine"]: found["replies"] for found in ray.get([engine.actor.stats.remote() for engine in there])}
    assert told == engines  # none was asked twice


@pytest.mark.slow
def test_all_engines_are_waited_for_where_that_is_wanted(pools: EnginePools) -> None:
    told: list[str] = []
    handles = pools.start({"m": JoiningModel(replicas=2, late_s=3)}, told=told.append, wait_for_all=True)
    assert len(handles.pools["m"].engines) == 2
    assert "1 of 2 engines" in told


@pytest.mark.slow
def test_a_pool_grows_as_far_as_there_is_room_beside_the_runners(pools: EnginePools) -> None:
    handles = pools.start({"m": JoiningModel(replicas=Replicas(min=2, max=8), cpus=1)}, spare_cpus=1.5)
    assert len(handles.pools["m"].engines) == 2
    _, _, engines = with_client(handles, ask_for(6))
    assert engines.keys() == {"m/0", "m/1"}  # a third would leave one CPU of four


@pytest.mark.slow
def test_requests_wait_at_the_client_where_an_engine_that_joins_finds_them(pools: EnginePools) -> None:
    handles = pools.start({"m": JoiningModel(replicas=2, late_s=4, latency_s=1)})
    places = handles.pools["m"].settings.requests_per_engine

    async def work(client: PoolClient) -> tuple[int, dict[str, int]]:
        asked = [asyncio.ensure_future(client.ask("m", request(f"row {k}"))) for k in range(800)]
        await asyncio.sleep(0.3)
        most = max(client.queues["m"])
        await asyncio.gather(*asked)
        return most, client.usage["m"].engines

    most, engines = with_client(handles, work)
    assert most <= 2 * places + 1
    assert sum(engines.values()) == 800 and min(engines.values()) > 100


# A cluster of its own, in a process of its own, whose nodes come and go; PYTHONPATH names this checkout.
PROGRAM = """
import json, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from distilray.models import EngineFailed, EnginePools, Replicas
from tests.models.client.test_elastic import ask_for
from tests.support.joining import JoiningModel
from tests.support.models import with_client

BAD = "bad" * 18 + "00"
NODE = {"num_cpus": 2, "num_gpus": 0, "object_store_memory": 100 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
ray.init(address=cluster.address, log_to_driver=False)
first = cluster.add_node(**NODE, labels={"zone": "a"})
cluster.wait_for_nodes()
bad = Path(tempfile.mkdtemp()) / "bad"
bad.write_text("")
model = JoiningModel(replicas=Replicas(min=1, max=3), cpus=2, bad_nodes=str(bad), latency_s=0.05)
found = {}

def until(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)

def engines(handles):
    return [engine.name for engine in handles.pools["m"].now("m").engines]

def told(name, handles, change, seconds):
    with ThreadPoolExecutor(1) as other:  # nodes are added by the main thread
        working = other.submit(with_client, handles, ask_for(seconds))
        time.sleep(2)
        change()
        asked, received, engines = working.result()
    found[name] = {"asked": len(asked), "same": sorted(asked) == sorted(received), "engines": engines}

with EnginePools("elastic") as pools:
    handles = pools.start({"m": model})
    nodes = []
    join = lambda: nodes.append(cluster.add_node(**NODE))
    told("joins", handles, join, 20)
    until(lambda: len(engines(handles)) == 2)
    leave = lambda: cluster.remove_node(nodes.pop(), allow_graceful=False)
    told("leaves", handles, leave, 15)
    told("returns", handles, join, 40)
    bad.write_text(BAD)
    cluster.add_node(**NODE, env_vars={"RAY_OVERRIDE_NODE_ID_FOR_TESTING": BAD})
    until(lambda: pools._keeper.avoided["m"] == {BAD})
    found["go on"] = engines(handles)
    nodes.append(cluster.add_node(**NODE))
    until(lambda: len(engines(handles)) == 3)
    found["avoided"] = BAD not in {node for slot in pools._keeper.slots for node in slot.nodes}
with EnginePools("labels") as pools:
    bad.write_text("")
    pools.start({"m": model.model_copy(update={"replicas": 1, "label_selector": {"zone": "a"}})})
    found["zone"] = list(pools._keeper.slots[0].nodes) == [first.node_id]
with EnginePools("nowhere") as pools:
    bad.write_text(" ".join([BAD, *(node.node_id for node in (first, *nodes))]))
    try:
        pools.start({"m": model})
    except EngineFailed as error:
        found["failed"] = str(error)
print(json.dumps(found))
ray.shutdown()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def nodes_come_and_go() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.long
def test_a_node_that_joins_takes_work(nodes_come_and_go: dict[str, Any]) -> None:
    joins = nodes_come_and_go["joins"]
    assert joins["same"] and sum(joins["engines"].values()) == joins["asked"]
    assert joins["engines"].keys() == {"m/0", "m/1"} and min(joins["engines"].values()) > joins["asked"] / 10


@pytest.mark.long
def test_a_node_that_leaves_loses_nothing(nodes_come_and_go: dict[str, Any]) -> None:
    leaves = nodes_come_and_go["leaves"]
    assert leaves["same"] and sum(leaves["engines"].values()) == leaves["asked"]


@pytest.mark.long
def test_an_engine_comes_back_with_another_node(nodes_come_and_go: dict[str, Any]) -> None:
    returns = nodes_come_and_go["returns"]
    assert returns["same"] and sum(returns["engines"].values()) == returns["asked"]
    assert len(returns["engines"]) == 2


@pytest.mark.long
def test_a_node_on_which_engines_do_not_start_is_avoided(nodes_come_and_go: dict[str, Any]) -> None:
    assert len(nodes_come_and_go["go on"]) == 2
    assert nodes_come_and_go["avoided"]


@pytest.mark.long
def test_a_model_that_starts_nowhere_is_an_error_with_its_cause(nodes_come_and_go: dict[str, Any]) -> None:
    assert "the GPU is lost (tried 2 times)" in nodes_come_and_go["failed"]


@pytest.mark.long
def test_engines_go_where_the_labels_are(nodes_come_and_go: dict[str, Any]) -> None:
    assert nodes_come_and_go["zone"]
