"""Pods in which Ray runs: the container, its environment, volumes and rights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distilray.kuberay.manifests.sizing import NodeGroup

RUNS, WEIGHTS, RECIPE = "/runs", "/weights", "/etc/distilray"
KEYS, STORAGE = "distilray-keys", "distilray-storage"
"""Secrets, as environment: keys of endpoints, of the hub and of the served API; and of the object store."""
PART_OF = {"app.kubernetes.io/part-of": "distilray"}
MAY_JOIN = "DISTILRAY_MAY_JOIN"
METRICS = ("metrics", 8080)
HEAD_PORTS = (("gcs-server", 6379), ("dashboard", 8265), ("client", 10001))
"""The operator finds them by their names."""
SERVE_PORT = ("serve", 8000)
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Objects:
    """The objects of one recipe that pods refer to."""

    name: str
    image: str
    gpu_image: str
    run: str
    on_volume: bool
    """Whether the run is on a volume, not in an object store."""
    has_weights: bool
    """Whether checkpoints of the hub are fetched onto a volume."""
    secrets: tuple[str, ...] = ()
    """Environment variables that the recipe's models need, from the Secret :data:`KEYS`."""
    selectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of nodes with GPUs, by the type of these."""

    @property
    def labels(self) -> dict[str, str]:
        return {**PART_OF, "app.kubernetes.io/instance": self.name}

    def called(self, part: str) -> str:
        return f"{self.name}-{part}"


def metadata(objects: Objects, part: str = "") -> Manifest:
    """Of an object; ``part`` follows the recipe's name."""
    return {"name": objects.called(part) if part else objects.name, "labels": objects.labels}


def head_pod(objects: Objects, cpus: int, memory_gib: int) -> Manifest:
    """The pod of the head, which works on nothing."""
    container = _container(objects, "ray-head", objects.image, (*HEAD_PORTS, METRICS, SERVE_PORT), {})
    container["resources"] = resources(cpus, memory_gib)
    return _template(objects, container, _volumes(objects, max(1, memory_gib // 4), 50))


def worker_pod(objects: Objects, group: NodeGroup, groups: Sequence[NodeGroup]) -> Manifest:
    """A pod of ``group``; drivers, which run on one, are told which nodes of ``groups`` may join."""
    image = objects.gpu_image if group.gpus else objects.image
    told = may_join(groups)
    variables = {MAY_JOIN: told} if told and not group.gpus else {}
    container = _container(objects, "ray-worker", image, (METRICS, SERVE_PORT), variables)
    container["resources"] = resources(group.cpus, group.memory_gib, group.gpus)
    template = _template(objects, container, _volumes(objects, group.shm_gib, group.scratch_gib))
    template["spec"]["automountServiceAccountToken"] = False
    if group.gpus:
        if selector := objects.selectors.get(group.accelerator):
            template["spec"]["nodeSelector"] = dict(selector)
        template["spec"]["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return template


def plain_pod(objects: Objects, container: Manifest, volumes: Sequence[Manifest] = ()) -> Manifest:
    """A pod in which Ray does not run."""
    spec: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": pod_rights(),
        "containers": [{**container, "securityContext": container_rights()}],
    }
    return {"metadata": {"labels": objects.labels}, "spec": {**spec, "volumes": list(volumes)} if volumes else spec}


def resources(cpus: int, memory_gib: int, gpus: int = 0) -> Manifest:
    """Requests equal limits: Ray divides what the limits say, and a node that gives less kills engines."""
    asked = {"cpu": str(cpus), "memory": f"{memory_gib}Gi"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    return {"requests": asked, "limits": asked}


def may_join(groups: Sequence[NodeGroup]) -> str:
    """``DISTILRAY_MAY_JOIN`` of a driver: the nodes that its autoscaler may start; empty where there are none."""
    nodes = []
    for group in groups:
        if group.most > group.least:
            node = {"count": group.most - group.least, "cpus": group.cpus, "gpus": group.gpus}
            nodes.append(node | ({"accelerator": group.accelerator} if group.accelerator else {}))
    return json.dumps(nodes) if nodes else ""


def secret_variable(name: str, secret: str) -> Manifest:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}


def from_secrets() -> list[Manifest]:
    """Everything that the Secrets hold, where they exist: an object store may know the nodes by another identity."""
    return [{"secretRef": {"name": name, "optional": True}} for name in (STORAGE, KEYS)]


def pod_rights() -> Manifest:
    user = {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}
    return {**user, "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"}}


def container_rights() -> Manifest:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _container(
    objects: Objects, name: str, image: str, ports: Sequence[tuple[str, int]], variables: Mapping[str, str]
) -> Manifest:
    environment = {"RAY_worker_niceness": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "DISTILRAY_CACHE": "/tmp/cache"}
    if objects.has_weights:
        environment["HF_HOME"] = f"{WEIGHTS}/huggingface"
    container: Manifest = {
        "name": name,
        "image": image,
        "ports": [{"name": port, "containerPort": number} for port, number in ports],
        "env": [
            *({"name": key, "value": value} for key, value in {**environment, **variables}.items()),
            *(secret_variable(key, KEYS) for key in objects.secrets),
        ],
        "envFrom": from_secrets(),
        "securityContext": container_rights(),
        "resources": {},
        "volumeMounts": [
            {"name": "shm", "mountPath": "/dev/shm"},
            {"name": "scratch", "mountPath": "/tmp"},
            {"name": "recipe", "mountPath": RECIPE, "readOnly": True},
        ],
    }
    if objects.has_weights:
        container["volumeMounts"].append({"name": "weights", "mountPath": WEIGHTS})
    if objects.on_volume:
        container["volumeMounts"].append({"name": "runs", "mountPath": RUNS})
        container["workingDir"] = RUNS  # relative paths of the recipe's sources lead there
    return container


def _volumes(objects: Objects, shm_gib: int, scratch_gib: int) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{shm_gib}Gi"}},
        {"name": "scratch", "emptyDir": {"sizeLimit": f"{scratch_gib}Gi"}},
        {"name": "recipe", "configMap": {"name": objects.called("recipe")}},
    ]
    if objects.has_weights:
        volumes.append(claimed(objects, "weights"))
    if objects.on_volume:
        volumes.append(claimed(objects, "runs"))
    return volumes


def claimed(objects: Objects, part: str) -> Manifest:
    """The volume ``part``, by its claim."""
    return {"name": part, "persistentVolumeClaim": {"claimName": objects.called(part)}}


def _template(objects: Objects, container: Manifest, volumes: Sequence[Manifest]) -> Manifest:
    # Whoever drains a node should know that a run's engines and trainings start over elsewhere.
    kept = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    scratch = next(volume for volume in volumes if volume["name"] == "scratch")["emptyDir"]["sizeLimit"]
    for bound in container["resources"].values():
        bound["ephemeral-storage"] = scratch
    return {
        "metadata": {"labels": objects.labels, "annotations": kept},
        "spec": {"securityContext": pod_rights(), "containers": [container], "volumes": list(volumes)},
    }
