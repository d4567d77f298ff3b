"""The RayCluster of a recipe: a head that works on nothing, nodes for CPU work, and nodes of each type of GPUs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from distilray.kuberay.manifests.pods import (
    Manifest,
    Objects,
    container_rights,
    head_pod,
    metadata,
    resources,
    worker_pod,
)
from distilray.kuberay.manifests.sizing import CPU, NodeGroup

API = "ray.io/v1"
HEADS = ((64, 4, 16), (256, 8, 32), (math.inf, 16, 64))
"""CPUs and GiB of a head by the most nodes of its cluster: each node reports to it several times a second."""
IDLE_S = 300
"""After which a node is given back: as long as engines of the next phase may take to be asked for."""
DRIVER = "driver"
"""A resource of the nodes for CPU work: a job that asks for it runs there, not on the head and not beside GPUs."""


def ray_cluster(objects: Objects, groups: Sequence[NodeGroup], scales: bool) -> Manifest:
    """The cluster as an object of its own, for jobs that are submitted by hand."""
    spec = cluster_spec(objects, groups, scales)
    return {"apiVersion": API, "kind": "RayCluster", "metadata": metadata(objects), "spec": spec}


def cluster_spec(objects: Objects, groups: Sequence[NodeGroup], scales: bool) -> Manifest:
    """The spec of a cluster of ``groups``; ``scales``: Ray's autoscaler starts their nodes when they are asked for."""
    scaling: dict[str, Any] = {"enableInTreeAutoscaling": False}
    if scales:
        options = {"version": "v2", "idleTimeoutSeconds": IDLE_S, "securityContext": container_rights()}
        scaling = {"enableInTreeAutoscaling": True, "autoscalerOptions": {**options, "resources": resources(1, 1)}}
    nodes = sum(group.most for group in groups)
    head_cpus, head_gib = next((cpus, gib) for most, cpus, gib in HEADS if nodes <= most)
    head = {
        "rayStartParams": {"num-cpus": "0", "num-gpus": "0", "dashboard-host": "0.0.0.0"},
        "template": head_pod(objects, head_cpus, head_gib),
    }
    return {
        "rayVersion": version("ray"),
        "authOptions": {"mode": "token"},
        **scaling,
        "headGroupSpec": head,
        "workerGroupSpecs": [_group(objects, group, groups if scales else ()) for group in groups],
    }


def _group(objects: Objects, group: NodeGroup, scaling: Sequence[NodeGroup]) -> Manifest:
    # Ray knows the type of a node's GPUs once it is up; the autoscaler has to know it before.
    marks = {f"accelerator_type:{group.accelerator}": "1"} if group.accelerator else {}
    if group.name == CPU:
        marks = {DRIVER: str(group.cpus)}
    return {
        "groupName": group.name,
        "replicas": group.least,
        "minReplicas": group.least,
        "maxReplicas": group.most,
        "rayStartParams": {},
        **({"resources": marks} if marks else {}),
        "template": worker_pod(objects, group, scaling),
    }
