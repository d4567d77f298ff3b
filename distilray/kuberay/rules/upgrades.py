"""Upgrade strategies of clusters and services."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Field, Finding
from distilray.kuberay.subjects import Subject

CLUSTER_TYPES = ("Recreate", "None")
INCREMENTAL = "NewClusterWithIncrementalUpgrade"
SERVICE_TYPES = ("NewCluster", INCREMENTAL, "None")
INCREMENTAL_GATE = "RayServiceIncrementalUpgrade"
MADE_BY = "ray.io/originated-from-crd"
MAKERS = ("RayJob", "RayService", "RayCronJob")


def of_made_clusters(subject: Subject) -> Iterator[Finding]:
    maker = subject.labels.at(MADE_BY).value if subject.kind == "RayCluster" else subject.kind
    for cluster in subject.clusters():
        strategy = cluster.spec.at("upgradeStrategy", "type")
        if strategy.present and maker in MAKERS:
            yield strategy.refused(f"a {maker} makes this cluster and decides how it is replaced", "remove it")


def cluster_types(subject: Subject) -> Iterator[Finding]:
    if subject.kind == "RayCluster":
        yield from _known(subject.document.at("spec", "upgradeStrategy", "type"), CLUSTER_TYPES)


def service_types(subject: Subject) -> Iterator[Finding]:
    if subject.kind == "RayService":
        yield from _known(subject.document.at("spec", "upgradeStrategy", "type"), SERVICE_TYPES)


def incremental(subject: Subject) -> Iterator[Finding]:
    strategy = subject.document.at("spec", "upgradeStrategy")
    if subject.kind != "RayService" or strategy.at("type").value != INCREMENTAL:
        return
    if INCREMENTAL_GATE not in subject.gates:
        return  # the operator then upgrades as with NewCluster
    for cluster in subject.clusters():
        if not cluster.autoscales:
            yield cluster.spec.at("enableInTreeAutoscaling").refused(
                "an incremental upgrade moves capacity from cluster to cluster", "set it to true"
            )
    options = strategy.at("clusterUpgradeOptions")
    if not options.given:
        yield options.refused(
            "an incremental upgrade needs them", "give gatewayClassName, stepSizePercent and intervalSeconds"
        )
        return
    yield from _options(options)


def _options(options: Field) -> Iterator[Finding]:
    gateway = options.at("gatewayClassName")
    if not gateway.given:
        yield gateway.refused("a gateway divides the requests", "name a GatewayClass of the cluster")
    surge, step, interval = (
        options.at(name) for name in ("maxSurgePercent", "stepSizePercent", "intervalSeconds")
    )  # fmt: skip
    most = 100 if surge.number is None else surge.number
    if not 0 <= most <= 100:
        yield surge.refused("it is a percentage", "give 0 to 100")
    if step.number is None or not 0 <= step.number <= 100:
        yield step.refused("it is a percentage", "give 0 to 100")
    elif step.number > most:
        yield step.refused(f"it is more than maxSurgePercent, {most:g}", "lower it, or raise maxSurgePercent")
    if interval.number is None or interval.number <= 0:
        yield interval.refused("there is time between two steps", "give 1 second or more")


def _known(strategy: Field, types: tuple[str, ...]) -> Iterator[Finding]:
    if strategy.present and strategy.value not in types:
        yield strategy.refused("it is no such strategy", f"use one of {', '.join(types)}")
