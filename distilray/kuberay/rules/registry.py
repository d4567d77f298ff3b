"""All rules, by theme. A rule takes a manifest and yields what it refuses, each with field, value and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from distilray.kuberay.fields import Finding
from distilray.kuberay.rules import (
    auth,
    autoscaler,
    cronjobs,
    deletion,
    fault_tolerance,
    features,
    groups,
    jobs,
    names,
    resources,
    services,
    upgrades,
)
from distilray.kuberay.subjects import Subject

Rule = Callable[[Subject], Iterator[Finding]]

THEMES: dict[str, tuple[Rule, ...]] = {
    "names": (names.length, names.label),
    "groups": (groups.containers, groups.bounds, groups.order, groups.both_bounds, groups.suspended),
    "resources": (resources.given_twice, resources.labels),
    "autoscaler": (
        autoscaler.restart_policy,
        autoscaler.version_twice,
        autoscaler.variable_alone,
        autoscaler.needs_v2,
        autoscaler.priority_version,
        autoscaler.idle_timeouts,
    ),
    "upgrades": (upgrades.of_made_clusters, upgrades.cluster_types, upgrades.service_types, upgrades.incremental),
    "fault tolerance": (
        fault_tolerance.annotation,
        fault_tolerance.set_by_hand,
        fault_tolerance.address_alone,
        fault_tolerance.rocksdb_settings,
        fault_tolerance.rocksdb_by_hand,
    ),
    "jobs": (
        jobs.needs_shutdown,
        jobs.cluster,
        jobs.selector,
        jobs.interactive,
        jobs.sidecar,
        jobs.deadlines,
        jobs.negative,
    ),
    "deletion": (
        deletion.exclusive,
        deletion.queued,
        deletion.conditions,
        deletion.twice,
        deletion.policies,
        deletion.order,
    ),
    "cron jobs": (cronjobs.zone_in_schedule, cronjobs.schedule, cronjobs.time_zone),
    "auth": (auth.token_version, auth.kubernetes_tokens),
    "features": (features.gated,),
    "services": (services.head_name, services.deletion_delay, services.initializing_timeout),
}


def broken(subject: Subject) -> Iterator[Finding]:
    """What of ``subject`` the operator would refuse."""
    for rules in THEMES.values():
        for rule in rules:
            yield from rule(subject)
