"""Resources and labels of a group: given in one place."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Finding
from distilray.kuberay.subjects import Subject

PARAMETERS = ("num-cpus", "num-gpus", "memory", "resources")


def given_twice(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        for group in cluster.pools:
            for name in PARAMETERS:
                parameter = group.at("rayStartParams", name)
                if parameter.given and group.at("resources").given:
                    yield parameter.refused(
                        "the group has the field resources as well, and the two may differ",
                        "keep resources alone: CPU, GPU, memory or a resource of your own",
                    )


def labels(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        for group in cluster.pools:
            parameter = group.at("rayStartParams", "labels")
            if parameter.present:
                yield parameter.refused("labels are not read from rayStartParams", "use the group's field labels")
