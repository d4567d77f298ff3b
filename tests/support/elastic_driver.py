"""A driver on two nodes of one CPU each, the second of which is lost on the way: ``elastic_driver.py FOLDER STUDENT``.

Prints the workers and the loss of every step.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}

import ray
from ray.cluster_utils import Cluster

from distilray.train import TrainProgress, TrainResources
from distilray.train.loop.metrics import read_metrics
from tests.train.launch.test_launcher import OUT, settings, train

STEPS = 40

if __name__ == "__main__":
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 150 * 2**20, "num_gpus": 0}
    )
    second = cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20, num_gpus=0)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    lost = []

    def lose_a_node(progress: TrainProgress) -> None:
        if progress.step >= 6 and not lost:
            lost.append(progress.step)
            cluster.remove_node(second, allow_graceful=False)

    resources = TrainResources(workers=2, min_workers=1, cpus_per_worker=1)
    store, manifest = train(Path(sys.argv[1]), sys.argv[2], settings(max_steps=STEPS), resources, lose_a_node)
    records = [record for record in read_metrics(store, OUT) if "loss" in record]
    found = {"workers": [record["workers"] for record in records], "losses": [record["loss"] for record in records]}
    print(json.dumps({**found, "lost": lost, "details": manifest.details}))
    ray.shutdown()
    cluster.shutdown()
