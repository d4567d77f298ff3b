"""A manifest as KubeRay's operator reads it: the RayCluster and RayJob specs that it holds, at whatever depth."""

from __future__ import annotations

import re
from dataclasses import dataclass

from distilray.kuberay.fields import Field
from distilray.kuberay.gates import DEFAULT

GROUP = "ray.io"
CLUSTER_PLACES = {
    "RayCluster": ("spec",),
    "RayJob": ("spec", "rayClusterSpec"),
    "RayService": ("spec", "rayClusterConfig"),
    "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
}
JOB_PLACES = {"RayJob": ("spec",), "RayCronJob": ("spec", "jobTemplate")}
KINDS = tuple(CLUSTER_PLACES)
AUTOSCALER_V2 = "RAY_enable_autoscaler_v2"


@dataclass(frozen=True)
class Cluster:
    """A RayCluster spec inside a manifest."""

    spec: Field
    annotations: Field
    """Of the object that holds it: the operator reads old settings from them."""

    @property
    def head(self) -> Field:
        return self.spec.at("headGroupSpec")

    @property
    def groups(self) -> list[Field]:
        """The worker groups."""
        return self.spec.at("workerGroupSpecs").each()

    @property
    def pools(self) -> list[Field]:
        """The head group and the worker groups."""
        return [self.head, *self.groups]

    @property
    def autoscales(self) -> bool:
        return self.spec.at("enableInTreeAutoscaling").value is True

    @property
    def autoscaler_version(self) -> Field:
        return self.spec.at("autoscalerOptions", "version")

    def head_variable(self, name: str) -> Field:
        """The environment variable ``name`` of Ray's container in the head, absent where it is not set there."""
        return variable(ray_container(self.head), name)


@dataclass(frozen=True)
class Subject:
    """A manifest of one of KubeRay's kinds."""

    document: Field
    gates: frozenset[str] = DEFAULT
    """The operator's feature gates that are on."""

    @property
    def kind(self) -> str:
        return self.document.value["kind"]

    @property
    def annotations(self) -> Field:
        return self.document.at("metadata", "annotations")

    @property
    def labels(self) -> Field:
        return self.document.at("metadata", "labels")

    def clusters(self) -> list[Cluster]:
        """The RayCluster spec that the manifest holds, if it holds one."""
        spec = self.document.at(*CLUSTER_PLACES[self.kind])
        # The jobs that a RayCronJob makes have no annotations.
        annotations = Field(None, "metadata.annotations") if self.kind == "RayCronJob" else self.annotations
        return [Cluster(spec, annotations)] if spec.present else []

    def jobs(self) -> list[Field]:
        """The RayJob spec that the manifest holds, if it holds one."""
        return [self.document.at(*JOB_PLACES[self.kind])] if self.kind in JOB_PLACES else []


def ray_container(group: Field) -> Field:
    """The container of a group in which Ray runs: the first."""
    return group.at("template", "spec", "containers", 0)


def variable(container: Field, name: str) -> Field:
    """The value of the environment variable ``name``; where it comes from a Secret, that reference."""
    for entry in container.at("env").each():
        if entry.at("name").value == name:
            value = entry.at("value")
            return value if value.present else Field(entry.value, entry.path)
    return Field(None, f"{container.path}.env")


def is_true(field: Field) -> bool:
    """Whether an environment variable is set to what the operator takes for true."""
    return field.value in ("1", "true")


def version_of(field: Field) -> tuple[int, int] | None:
    """Major and minor of a version such as ``2.60.0``; None for anything else."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.|$)", field.value) if isinstance(field.value, str) else None
    return (int(found[1]), int(found[2])) if found else None
