"""Small manifests of KubeRay's kinds that its operator takes, and changes of them.

changed("RayJob", {"JOB backoffLimit": -1, "CLUSTER workerGroupSpecs 0 minReplicas": 1})

``JOB`` and ``CLUSTER`` are where the kind has its RayJob and its RayCluster spec; :data:`GONE` takes a field away.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from distilray.kuberay import Schemas
from distilray.kuberay.subjects import CLUSTER_PLACES, JOB_PLACES
from tests.support.recorded_data import SHARED

GONE = object()
CRDS = SHARED / "data" / "kuberay_crds"


def crds() -> Path:
    """The directory of KubeRay's CRDs; skips the test where they are absent."""
    if not list(CRDS.glob("ray.io_*.yaml")):
        pytest.skip(f"needs KubeRay's CRDs in {CRDS} (set DISTILRAY_SHARED)")
    return CRDS


def schemas() -> Schemas:
    """Those of the CRDs, which take seconds to read, once in a process."""
    return _read(crds())


@lru_cache(maxsize=1)
def _read(folder: Path) -> Schemas:
    return Schemas.read(folder)


def changed(kind: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The manifest of ``kind`` with ``changes``: values by their path, its words apart."""
    document: Any = {"apiVersion": "ray.io/v1", "kind": kind, "metadata": {"name": "first"}, "spec": _SPECS[kind]()}
    for path, value in (changes or {}).items():
        *inner, last = steps(kind, path)
        place = document
        for key in inner:
            place = place[key] if isinstance(key, int) else place.setdefault(key, {})
        if value is GONE:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    return document


def steps(kind: str, path: str) -> list[str | int]:
    """``CLUSTER workerGroupSpecs 0`` as keys and positions."""
    first, *rest = path.split()
    start = {"CLUSTER": CLUSTER_PLACES.get(kind, ()), "JOB": JOB_PLACES.get(kind, ())}.get(first, (first,))
    return [*start, *(int(word) if word.isdigit() else word for word in rest)]


def cluster_spec() -> dict[str, Any]:
    group = {"groupName": "cpu", "replicas": 1, "minReplicas": 1, "maxReplicas": 2, "rayStartParams": {}}
    return {
        "rayVersion": "2.60.0",
        "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": _pod("ray-head")},
        "workerGroupSpecs": [{**group, "template": _pod("ray-worker")}],
    }


def job_spec() -> dict[str, Any]:
    return {"entrypoint": "distilray run r.yaml", "shutdownAfterJobFinishes": True, "rayClusterSpec": cluster_spec()}


def _pod(container: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": container, "image": "distilray:1"}]}}


_SPECS = {
    "RayCluster": cluster_spec,
    "RayJob": job_spec,
    "RayService": lambda: {"serveConfigV2": "applications: []\n", "rayClusterConfig": cluster_spec()},
    "RayCronJob": lambda: {"schedule": "30 2 * * *", "jobTemplate": job_spec()},
}
