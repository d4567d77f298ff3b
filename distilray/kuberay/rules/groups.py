"""Node groups: containers, bounds of replicas, suspension."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Finding
from distilray.kuberay.subjects import Subject

DELETION_GATE = "RayJobDeletionPolicy"


def containers(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        for group in cluster.pools:
            pods = group.at("template", "spec", "containers")
            if not pods.given:
                yield pods.refused("a group needs a container", "add the container in which Ray runs, as the first")


def bounds(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        for group in cluster.groups:
            for field in (group.at("minReplicas"), group.at("maxReplicas")):
                if field.negative:
                    yield field.refused("it cannot be negative", "give 0 or more")


def order(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        for group in cluster.groups:
            least, most = group.at("minReplicas"), group.at("maxReplicas")
            if least.number is not None and most.number is not None and least.number > most.number:
                yield least.refused(f"it is more than maxReplicas, {most.value}", "lower it, or raise maxReplicas")


def both_bounds(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        for group in cluster.groups:
            fields = (group.at("minReplicas"), group.at("maxReplicas"))
            missing = [field for field in fields if not field.present]
            if len(missing) == 1 and not cluster.autoscales:
                yield missing[0].refused(
                    "without the autoscaler a group sets both bounds of its replicas or none", "set it too"
                )


def suspended(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        for group in cluster.groups:
            field = group.at("suspend")
            if field.value is not True:
                continue
            if cluster.autoscales:
                yield field.refused(
                    "a group of a cluster that scales cannot be suspended",
                    "remove it, or set enableInTreeAutoscaling to false",
                )
            if DELETION_GATE not in subject.gates:
                yield field.refused(
                    f"the operator's feature gate {DELETION_GATE} is off", "remove it, or turn the gate on"
                )
