"""The autoscaler of Ray's in the head pod, of which version 2 has rules of its own."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Finding
from distilray.kuberay.subjects import AUTOSCALER_V2, Cluster, Subject, is_true, version_of

PRIORITY_SINCE = (2, 56)


def restart_policy(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        if not (cluster.autoscales and cluster.autoscaler_version.value == "v2"):
            continue
        for group in cluster.pools:
            policy = group.at("template", "spec", "restartPolicy")
            if policy.value not in (None, "", "Never"):
                yield policy.refused("autoscaler v2 replaces pods itself", "set it to Never, or remove it")


def version_twice(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        variable = cluster.head_variable(AUTOSCALER_V2)
        if cluster.autoscales and cluster.autoscaler_version.present and variable.present:
            yield variable.refused(
                f"autoscalerOptions.version is {cluster.autoscaler_version.value}, and both say which autoscaler it is",
                f"remove the variable {AUTOSCALER_V2}",
            )


def variable_alone(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        variable = cluster.head_variable(AUTOSCALER_V2)
        if is_true(variable) and not cluster.autoscales:
            yield variable.refused(
                f"{AUTOSCALER_V2} is set, but enableInTreeAutoscaling is not",
                "set enableInTreeAutoscaling to true, or remove the variable",
            )


def needs_v2(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        if _is_v2(cluster):
            continue
        for group in cluster.groups:
            for field in (group.at("idleTimeoutSeconds"), group.at("priority")):
                if field.present and (field.value or field.path.endswith("idleTimeoutSeconds")):
                    yield field.refused("only autoscaler v2 reads it", "set autoscalerOptions.version to v2")


def priority_version(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        version = cluster.spec.at("rayVersion")
        for group in cluster.groups:
            priority = group.at("priority")
            known = version_of(version)
            if priority.value and (known is None or known < PRIORITY_SINCE):
                yield priority.refused(
                    f"Ray has it from 2.56 on, and rayVersion is {version.value or 'not set'}",
                    "remove it, or set rayVersion to that of the image, 2.56 or newer",
                )


def idle_timeouts(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        fields = [group.at("idleTimeoutSeconds") for group in cluster.groups]
        for field in (cluster.spec.at("autoscalerOptions", "idleTimeoutSeconds"), *fields):
            if field.negative:
                yield field.refused("a time cannot be negative", "give 0 seconds or more")


def _is_v2(cluster: Cluster) -> bool:
    return cluster.autoscaler_version.value == "v2" or is_true(cluster.head_variable(AUTOSCALER_V2))
