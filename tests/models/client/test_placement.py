"""An engine that is larger than a node: its pipeline's stages lie on two nodes, each stage whole on one."""

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

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
for _ in range(2):
    cluster.add_node(num_cpus=16, num_gpus=8)
cluster.wait_for_nodes()
ray.init(address=cluster.address, log_to_driver=False)
pools = EnginePools("placement")
teacher = VLLMModel(path="some/teacher", tensor_parallel=8, pipeline_parallel=2, gpus=16, cpus=4)
[group] = pools._reserve({"teacher": teacher}, time.monotonic() + 60)["teacher"]
nodes = ray.util.placement_group_table(group)["bundles_to_node_id"]
found = {"nodes": [nodes[rank] for rank in sorted(nodes)]}
judge = VLLMModel(path="some/judge", tensor_parallel=2, gpus=2)
try:
    EnginePools("more")._reserve({"judge": judge}, time.monotonic() + 1)
except PoolsDoNotFit as error:
    found["refused"] = str(error)
pools.stop()
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
    assert "0 of 1 engines can be placed" in placed["refused"]
    assert "'GPU': 16" in placed["refused"]
