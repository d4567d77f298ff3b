"""RayServices."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Finding
from distilray.kuberay.schedules import go_seconds
from distilray.kuberay.subjects import Subject

TIMEOUT = "ray.io/initializing-timeout"


def head_name(subject: Subject) -> Iterator[Finding]:
    if subject.kind != "RayService":
        return
    for cluster in subject.clusters():
        name = cluster.head.at("headService", "metadata", "name")
        if name.given:
            yield name.refused("each of a service's clusters has a head service of its own name", "remove it")


def deletion_delay(subject: Subject) -> Iterator[Finding]:
    delay = subject.document.at("spec", "rayClusterDeletionDelaySeconds")
    if subject.kind == "RayService" and delay.negative:
        yield delay.refused("a time cannot be negative", "give 0 seconds or more")


def initializing_timeout(subject: Subject) -> Iterator[Finding]:
    timeout = subject.annotations.at(TIMEOUT)
    if subject.kind != "RayService" or not timeout.given:
        return
    seconds = go_seconds(str(timeout.value))
    if seconds is None or seconds <= 0:
        yield timeout.refused("it is no positive duration", "give seconds ('600') or a duration ('10m', '1h30m')")
