"""What is deleted when a RayJob ends, and when."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from distilray.kuberay.fields import Field, Finding
from distilray.kuberay.subjects import Subject

ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")
STATES = ("jobStatus", "jobDeploymentStatus")
QUEUE = "kueue.x-k8s.io/queue-name"


def exclusive(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        strategy, shutdown = job.at("deletionStrategy"), job.at("shutdownAfterJobFinishes")
        if not strategy.at("deletionRules").given:
            continue
        if shutdown.value is True:
            yield shutdown.refused("deletionRules say already what is deleted", "remove one of the two")
        for name in ("onSuccess", "onFailure"):
            if strategy.at(name).present:
                yield strategy.at(name).refused("deletionRules replace it", "write it as a deletion rule")


def queued(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        shutdown = job.at("shutdownAfterJobFinishes")
        if subject.labels.at(QUEUE).given and shutdown.value is not True:
            yield shutdown.refused(
                f"Kueue suspends jobs of the queue {subject.labels.at(QUEUE).value} by deleting their clusters",
                "set it to true, and ttlSecondsAfterFinished in place of deletionRules",
            )


def conditions(subject: Subject) -> Iterator[Finding]:
    for rule in _rules(subject):
        states = [rule.at("condition", name) for name in STATES]
        if len([state for state in states if state.present]) != 1:
            both = all(state.present for state in states)
            yield rule.at("condition").refused(
                "it names both states" if both else "it names no state",
                "give one of jobStatus (SUCCEEDED, FAILED) and jobDeploymentStatus (Failed)",
            )
        ttl = rule.at("condition", "ttlSeconds")
        if ttl.negative:
            yield ttl.refused("a time cannot be negative", "give 0 seconds or more")


def twice(subject: Subject) -> Iterator[Finding]:
    seen: set[tuple[str, ...]] = set()
    for rule in _rules(subject):
        key = (*_state(rule), str(rule.at("policy").value))
        if key in seen:
            yield rule.refused("an earlier rule has the same policy and state", "remove one of them")
        seen.add(key)


def policies(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        scales = job.at("rayClusterSpec", "enableInTreeAutoscaling").value is True
        strategy = job.at("deletionStrategy")
        rules = [*strategy.at("deletionRules").each(), strategy.at("onSuccess"), strategy.at("onFailure")]
        for policy in (rule.at("policy") for rule in rules):
            if job.at("clusterSelector").given and policy.value in ("DeleteCluster", "DeleteWorkers"):
                yield policy.refused("the cluster that clusterSelector names is not the job's", "use DeleteSelf")
            if scales and policy.value == "DeleteWorkers":
                yield policy.refused("the autoscaler would start the workers again", "use DeleteCluster")


def order(subject: Subject) -> Iterator[Finding]:
    by_state: dict[tuple[str, ...], dict[str, Field]] = {}
    for rule in _rules(subject):
        by_state.setdefault(_state(rule), {}).setdefault(str(rule.at("policy").value), rule)
    for rules in by_state.values():
        times = [(name, rules[name].at("condition", "ttlSeconds")) for name in ORDER if name in rules]
        for (earlier, before), (_, after) in pairwise(times):
            if (after.number or 0) < (before.number or 0):
                yield after.refused(
                    f"{earlier} waits longer, {before.value} s, and would find nothing left to delete",
                    "let DeleteWorkers come first, then DeleteCluster, then DeleteSelf",
                )


def _rules(subject: Subject) -> list[Field]:
    return [rule for job in subject.jobs() for rule in job.at("deletionStrategy", "deletionRules").each()]


def _state(rule: Field) -> tuple[str, ...]:
    return tuple(str(rule.at("condition", name).value) for name in STATES)
