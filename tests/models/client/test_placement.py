"""Where engines are placed: one that is larger than a node with each stage of its pipeline whole on one, and others on
nodes with the GPUs and the labels that they ask for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

pytestmark = pytest.mark.long

# A cluster of its own, in a process of its own: nodes that say they have GPUs must not be found by other tests.
PROGRAM = """
import json, time
import ray
from ray.cluster_utils import Cluster
from distilray.models import EnginePools, PoolsDoNotFit, VLLMModel
from distilray.models.client.placement import place_of, reserve

def placed(settings, avoided=(), seconds=60):
    group = reserve("placement", settings, avoided)
    deadline = time.monotonic() + seconds
    while (nodes := place_of(group)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    ray.util.remove_placement_group(group)
    return nodes

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
for _ in range(2):
    cluster.add_node(num_cpus=16, num_gpus=8)
cluster.wait_for_nodes()
ray.init(address=cluster.address, log_to_driver=False)
teacher = VLLMModel(path="some/teacher", tensor_parallel=8, pipeline_parallel=2, gpus=16, cpus=4)
found = {"nodes": placed(teacher)}
held = reserve("held", teacher)
judge = VLLMModel(path="some/judge", tensor_parallel=2, gpus=2)
while place_of(held) is None:
    time.sleep(0.1)
try:
    EnginePools("more").start({"judge": judge}, timeout_s=1)
except PoolsDoNotFit as error:
    found["refused"] = str(error)
ray.util.remove_placement_group(held)
single = VLLMModel(path="some/single", gpus=1)
small = cluster.add_node(num_cpus=2, num_gpus=1, resources={"accelerator_type:L4": 1}, labels={"zone": "b"}).node_id
found["type"] = placed(single.model_copy(update={"accelerator_type": "L4"})) == [small]
found["label"] = placed(single.model_copy(update={"label_selector": {"zone": "b"}})) == [small]
elsewhere = {"zone": "!b"}
found["other label"] = small not in placed(single.model_copy(update={"label_selector": elsewhere}))
others = [node["NodeID"] for node in ray.nodes() if node["NodeID"] != small]
found["not avoided"] = placed(single, others) == [small]
found["no other"] = placed(single, [*others, small], seconds=3)
print(json.dumps(found))
ray.shutdown()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def placed() -> dict:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_the_two_stages_of_a_pipeline_lie_on_two_nodes(placed: dict) -> None:
    # vLLM gives ranks node by node, so eight on each are one whole stage on each
    assert sorted(Counter(placed["nodes"]).values()) == [8, 8]


def test_what_does_not_fit_beside_it_is_refused_with_what_there_is(placed: dict) -> None:
    assert "only 0 of 1 engines with which judge begins can be placed" in placed["refused"]
    assert "Each needs 2 GPUs and 1 CPU" in placed["refused"] and "'GPU': 16" in placed["refused"]


def test_engines_go_where_the_gpus_and_the_labels_are_that_they_ask_for(placed: dict) -> None:
    assert placed["type"] and placed["label"] and placed["other label"]


def test_engines_do_not_go_to_nodes_that_are_avoided(placed: dict) -> None:
    assert placed["not avoided"] and placed["no other"] is None
