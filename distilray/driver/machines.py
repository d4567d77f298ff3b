"""What the nodes of a connected cluster have; the memory of GPUs is asked on the machines themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from distilray.planning import Nodes, gpu_gib_of, installed_gpu_gib

ANSWER_S = 60.0


def cluster_gpu_gib() -> float | None:
    """GiB of the cluster's smallest GPU; by the GPUs' names where a machine does not say, or none with GPUs is up."""
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
    asked = []
    for node in nodes:
        there: Any = NodeAffinitySchedulingStrategy(node, soft=False)
        asked.append(ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(installed_gpu_gib).remote())
    answered, _ = ray.wait(asked, num_returns=len(asked), timeout=ANSWER_S) if asked else ([], [])
    try:
        sizes = ray.get(answered)
    except RayError:  # the node went away
        sizes = []
    known = [size for size in sizes if size is not None]
    return min(known) if nodes and len(known) == len(nodes) else gpu_gib_of(ray.cluster_resources())


def nodes_there(resources: Iterable[Mapping[str, float]]) -> tuple[Nodes, ...]:
    """Nodes by what they have; those without CPUs and GPUs hold no engine."""
    kinds: Counter[tuple[float, float, str]] = Counter()
    for node in resources:
        marks = [name.removeprefix("accelerator_type:") for name in node if name.startswith("accelerator_type:")]
        kinds[node.get("CPU", 0), node.get("GPU", 0), marks[0] if marks else ""] += 1
    return tuple(Nodes(count, cpus, gpus, mark) for (cpus, gpus, mark), count in sorted(kinds.items()) if cpus or gpus)
