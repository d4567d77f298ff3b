"""Every rule of the operator's, clause by clause: a manifest that it takes, and one that is refused with field, value
and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from distilray.kuberay import THEMES, Field, Finding, Subject, parse_gates
from distilray.kuberay.fields import joined, shown
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
from distilray.kuberay.rules.registry import broken
from tests.support.kuberay import GONE, changed, steps

CLUSTER, JOB, SERVICE, CRON = "RayCluster", "RayJob", "RayService", "RayCronJob"
GROUP, HEAD = "CLUSTER workerGroupSpecs 0", "CLUSTER headGroupSpec"
HEAD_ENV = f"{HEAD} template spec containers 0 env"
SCALES = {"CLUSTER enableInTreeAutoscaling": True}
V2 = {**SCALES, "CLUSTER autoscalerOptions": {"version": "v2"}}
REDIS = {"CLUSTER gcsFaultToleranceOptions": {"redisAddress": "redis:6379"}}
ROCKSDB = {"CLUSTER gcsFaultToleranceOptions": {"backend": "rocksdb"}}
SELECTED = {"JOB rayClusterSpec": GONE, "JOB clusterSelector": {"ray.io/cluster": "mine"}}
SIDECAR = {"JOB submissionMode": "SidecarMode"}
RULES = "JOB deletionStrategy deletionRules"
BY_RULES = {"JOB shutdownAfterJobFinishes": False}
STRATEGY = "spec upgradeStrategy"
OPTIONS = {"gatewayClassName": "istio", "maxSurgePercent": 50, "stepSizePercent": 25, "intervalSeconds": 10}
ALL_GATES = ("RayCronJob", "RayClusterNetworkPolicy", "RayClusterMTLS", "RayClusterHistoryServer",
             "GCSFaultToleranceEmbeddedStorage")  # fmt: skip


def deletes(policy: str, seconds: int = 0, **state: str) -> dict[str, Any]:
    return {"policy": policy, "condition": {**(state or {"jobStatus": "SUCCEEDED"}), "ttlSeconds": seconds}}


def redis(value: str = "x") -> list[dict[str, str]]:
    return [{"name": "RAY_REDIS_ADDRESS", "value": value}]


def incremental(**options: Any) -> dict[str, Any]:
    kept = {name: value for name, value in {**OPTIONS, **options}.items() if value is not GONE}
    return {**V2, STRATEGY: {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": kept}}


@dataclass(frozen=True)
class Row:
    """A clause: what is set on top of ``both`` in the manifest that passes, and in the one that does not."""

    clause: str
    rule: Callable[[Subject], Iterator[Finding]]
    kind: str
    bad: Mapping[str, Any]
    good: Mapping[str, Any]
    refused: str
    """The field that is named, in the words of ``bad``."""
    value: Any
    remedy: str
    both: Mapping[str, Any] = field(default_factory=dict)
    gates: tuple[str, ...] = ALL_GATES
    good_gates: tuple[str, ...] | None = None


ROWS = [
    # names
    Row("a RayCluster over 53 characters", names.length, CLUSTER, {"metadata name": "a" * 54},
        {"metadata name": "a" * 53}, "metadata name", "a" * 54, "shorten it"),
    Row("a RayJob over 47 characters", names.length, JOB, {"metadata name": "a" * 48}, {"metadata name": "a" * 47},
        "metadata name", "a" * 48, "shorten it"),
    Row("a RayService over 47 characters", names.length, SERVICE, {"metadata name": "a" * 48},
        {"metadata name": "a" * 47}, "metadata name", "a" * 48, "shorten it"),
    Row("a RayCronJob over 36 characters", names.length, CRON, {"metadata name": "a" * 37},
        {"metadata name": "a" * 36}, "metadata name", "a" * 37, "shorten it"),
    *(Row(f"{name!r} is no DNS-1035 label", names.label, CLUSTER, {"metadata name": name}, {"metadata name": "qwen2-5"},
          "metadata name", name, "lower-case letters") for name in ("qwen2.5", "7b", "Qwen", "qwen-")),
    # groups
    Row("no container in the head", groups.containers, CLUSTER, {f"{HEAD} template spec containers": []}, {},
        f"{HEAD} template spec containers", [], "add the container"),
    Row("no container in a worker group", groups.containers, JOB, {f"{GROUP} template spec containers": []}, {},
        f"{GROUP} template spec containers", [], "add the container"),
    Row("minReplicas negative", groups.bounds, CLUSTER, {f"{GROUP} minReplicas": -1}, {f"{GROUP} minReplicas": 0},
        f"{GROUP} minReplicas", -1, "0 or more"),
    Row("maxReplicas negative", groups.bounds, SERVICE, {f"{GROUP} maxReplicas": -2}, {f"{GROUP} maxReplicas": 0},
        f"{GROUP} maxReplicas", -2, "0 or more", {f"{GROUP} minReplicas": 0}),
    Row("min over max", groups.order, CLUSTER, {f"{GROUP} minReplicas": 3}, {f"{GROUP} minReplicas": 2},
        f"{GROUP} minReplicas", 3, "raise maxReplicas"),
    Row("autoscaling off, minReplicas alone", groups.both_bounds, CLUSTER, {f"{GROUP} maxReplicas": GONE}, {},
        f"{GROUP} maxReplicas", None, "set it too"),
    Row("autoscaling off, maxReplicas alone", groups.both_bounds, JOB, {f"{GROUP} minReplicas": GONE}, {},
        f"{GROUP} minReplicas", None, "set it too"),
    Row("a suspended group with autoscaling on", groups.suspended, CLUSTER, SCALES, {}, f"{GROUP} suspend", True,
        "set enableInTreeAutoscaling to false", {f"{GROUP} suspend": True}),
    Row("a suspended group without the deletion-policy gate", groups.suspended, CLUSTER, {f"{GROUP} suspend": True},
        {f"{GROUP} suspend": False}, f"{GROUP} suspend", True, "turn the gate on",
        gates=("RayJobDeletionPolicy=false",)),
    # resources, labels
    Row("CPUs in rayStartParams and in resources", resources.given_twice, CLUSTER, {f"{HEAD} resources": {"CPU": "0"}},
        {}, f"{HEAD} rayStartParams num-cpus", "0", "keep resources alone"),
    Row("other resources in rayStartParams and in resources", resources.given_twice, JOB,
        {f"{GROUP} rayStartParams resources": '"{}"'}, {}, f"{GROUP} rayStartParams resources", '"{}"',
        "keep resources alone", {f"{GROUP} resources": {"accelerator_type:H100": "1"}}),
    Row("labels in rayStartParams", resources.labels, CLUSTER, {f"{GROUP} rayStartParams labels": "zone=a"},
        {f"{GROUP} labels": {"zone": "a"}}, f"{GROUP} rayStartParams labels", "zone=a", "field labels"),
    # autoscaler v2
    Row("a head that restarts", autoscaler.restart_policy, CLUSTER, {f"{HEAD} template spec restartPolicy": "Always"},
        {f"{HEAD} template spec restartPolicy": "Never"}, f"{HEAD} template spec restartPolicy", "Always", "Never", V2),
    Row("workers that restart", autoscaler.restart_policy, JOB, {f"{GROUP} template spec restartPolicy": "OnFailure"},
        {f"{GROUP} template spec restartPolicy": ""}, f"{GROUP} template spec restartPolicy", "OnFailure", "Never", V2),
    Row("version and variable", autoscaler.version_twice, CLUSTER,
        {HEAD_ENV: [{"name": "RAY_enable_autoscaler_v2", "value": "1"}]}, {}, f"{HEAD_ENV} 0 value", "1",
        "remove the variable", V2),
    Row("the variable without enableInTreeAutoscaling", autoscaler.variable_alone, CLUSTER, {}, SCALES,
        f"{HEAD_ENV} 0 value", "true", "set enableInTreeAutoscaling",
        {HEAD_ENV: [{"name": "RAY_enable_autoscaler_v2", "value": "true"}]}),
    Row("a group's idleTimeoutSeconds without v2", autoscaler.needs_v2, CLUSTER, SCALES, V2,
        f"{GROUP} idleTimeoutSeconds", 0, "v2", {f"{GROUP} idleTimeoutSeconds": 0}),
    Row("a group's priority without v2", autoscaler.needs_v2, CLUSTER, SCALES, V2, f"{GROUP} priority", 5, "v2",
        {f"{GROUP} priority": 5}),
    Row("a group's priority before Ray 2.56", autoscaler.priority_version, CLUSTER, {"CLUSTER rayVersion": "2.55.1"},
        {"CLUSTER rayVersion": "2.56.0"}, f"{GROUP} priority", 5, "2.56 or newer", {**V2, f"{GROUP} priority": 5}),
    Row("a negative idle time-out of a group", autoscaler.idle_timeouts, JOB, {f"{GROUP} idleTimeoutSeconds": -1},
        {f"{GROUP} idleTimeoutSeconds": 0}, f"{GROUP} idleTimeoutSeconds", -1, "0 seconds or more", V2),
    Row("a negative idle time-out", autoscaler.idle_timeouts, CLUSTER,
        {"CLUSTER autoscalerOptions idleTimeoutSeconds": -60}, {"CLUSTER autoscalerOptions idleTimeoutSeconds": 60},
        "CLUSTER autoscalerOptions idleTimeoutSeconds", -60, "0 seconds or more", SCALES),
    # upgrade strategy
    Row("a strategy for a RayJob's cluster", upgrades.of_made_clusters, JOB,
        {"CLUSTER upgradeStrategy": {"type": "Recreate"}}, {}, "CLUSTER upgradeStrategy type", "Recreate", "remove it"),
    Row("a strategy for a RayService's cluster", upgrades.of_made_clusters, SERVICE,
        {"CLUSTER upgradeStrategy": {"type": "None"}}, {}, "CLUSTER upgradeStrategy type", "None", "remove it"),
    Row("a strategy for a RayCluster that a RayJob made", upgrades.of_made_clusters, CLUSTER,
        {"metadata labels": {"ray.io/originated-from-crd": "RayJob"}}, {}, f"{STRATEGY} type", "Recreate", "remove it",
        {STRATEGY: {"type": "Recreate"}}),
    Row("a strategy that clusters do not have", upgrades.cluster_types, CLUSTER, {STRATEGY: {"type": "NewCluster"}},
        {STRATEGY: {"type": "Recreate"}}, f"{STRATEGY} type", "NewCluster", "Recreate, None"),
    Row("a strategy that services do not have", upgrades.service_types, SERVICE, {STRATEGY: {"type": "Recreate"}},
        {STRATEGY: {"type": "NewCluster"}}, f"{STRATEGY} type", "Recreate", "NewCluster, "),
    Row("an incremental upgrade without autoscaling", upgrades.incremental, SERVICE,
        {"CLUSTER enableInTreeAutoscaling": False}, {}, "CLUSTER enableInTreeAutoscaling", False, "true",
        incremental()),
    Row("an incremental upgrade without options", upgrades.incremental, SERVICE,
        {**V2, STRATEGY: {"type": "NewClusterWithIncrementalUpgrade"}}, incremental(),
        f"{STRATEGY} clusterUpgradeOptions", None, "give gatewayClassName"),
    *(Row(f"an incremental upgrade with {name} {value}", upgrades.incremental, SERVICE, incremental(**{name: value}),
          incremental(), f"{STRATEGY} clusterUpgradeOptions {name}", None if value is GONE else value, remedy)
      for name, value, remedy in (
          ("gatewayClassName", "", "GatewayClass"), ("maxSurgePercent", 101, "0 to 100"),
          ("stepSizePercent", -1, "0 to 100"), ("stepSizePercent", 60, "raise maxSurgePercent"),
          ("intervalSeconds", 0, "1 second or more"))),
    # GCS fault tolerance
    Row("options and the old annotation", fault_tolerance.annotation, CLUSTER,
        {"metadata annotations": {"ray.io/ft-enabled": "true"}}, {}, "metadata annotations ray.io/ft-enabled", "true",
        "remove the annotation", REDIS),
    Row("redis-password by hand", fault_tolerance.set_by_hand, CLUSTER, {f"{HEAD} rayStartParams redis-password": "x"},
        {}, f"{HEAD} rayStartParams redis-password", "x", "gcsFaultToleranceOptions.redisPassword", REDIS),
    Row("REDIS_PASSWORD by hand", fault_tolerance.set_by_hand, JOB,
        {HEAD_ENV: [{"name": "REDIS_PASSWORD", "value": "x"}]}, {}, f"{HEAD_ENV} 0 value", "x",
        "gcsFaultToleranceOptions.redisPassword", REDIS),
    Row("RAY_REDIS_ADDRESS by hand", fault_tolerance.set_by_hand, SERVICE, {HEAD_ENV: redis()}, {},
        f"{HEAD_ENV} 0 value", "x", "gcsFaultToleranceOptions.redisAddress", REDIS),
    Row("the namespace annotation by hand", fault_tolerance.set_by_hand, CLUSTER,
        {"metadata annotations": {"ray.io/external-storage-namespace": "mine"}}, {},
        "metadata annotations ray.io/external-storage-namespace", "mine",
        "gcsFaultToleranceOptions.externalStorageNamespace", REDIS),
    Row("RAY_REDIS_ADDRESS without options", fault_tolerance.address_alone, CLUSTER, {HEAD_ENV: redis()},
        {"metadata annotations": {"ray.io/ft-enabled": "true"}, HEAD_ENV: redis()}, f"{HEAD_ENV} 0 value", "x",
        "set gcsFaultToleranceOptions.redisAddress"),
    Row("rocksdb without its gate", features.gated, CLUSTER, ROCKSDB, REDIS, "CLUSTER gcsFaultToleranceOptions backend",
        "rocksdb", "--gate GCSFaultToleranceEmbeddedStorage", gates=()),
    *(Row(f"rocksdb beside {name}", fault_tolerance.rocksdb_settings, CLUSTER,
          {f"CLUSTER gcsFaultToleranceOptions {name}": value}, {}, f"CLUSTER gcsFaultToleranceOptions {name}", value,
          "remove it", ROCKSDB)
      for name, value in (("redisAddress", "redis:6379"), ("redisUsername", {"value": "x"}),
                          ("redisPassword", {"value": "x"}), ("externalStorageNamespace", "mine"))),
    Row("rocksdb beside its variable", fault_tolerance.rocksdb_by_hand, CLUSTER,
        {HEAD_ENV: [{"name": "RAY_gcs_storage", "value": "rocksdb"}]}, {}, f"{HEAD_ENV} 0 value", "rocksdb",
        "storage.claimName", ROCKSDB),
    Row("rocksdb beside a hand-made mount", fault_tolerance.rocksdb_by_hand, CLUSTER,
        {f"{HEAD} template spec containers 0 volumeMounts": [{"name": "mine", "mountPath": "/data/gcs"}]}, {},
        f"{HEAD} template spec containers 0 volumeMounts 0 mountPath", "/data/gcs", "storage.claimName", ROCKSDB),
    Row("rocksdb beside a hand-made volume", fault_tolerance.rocksdb_by_hand, CLUSTER,
        {f"{HEAD} template spec volumes": [{"name": "gcs-storage", "emptyDir": {}}]}, {},
        f"{HEAD} template spec volumes 0 name", "gcs-storage", "storage.claimName", ROCKSDB),
    # RayJob
    Row("suspend without shutdownAfterJobFinishes", jobs.needs_shutdown, JOB, BY_RULES, {}, "JOB suspend", True,
        "set shutdownAfterJobFinishes", {"JOB suspend": True}),
    Row("a TTL without shutdownAfterJobFinishes", jobs.needs_shutdown, JOB, BY_RULES, {}, "JOB ttlSecondsAfterFinished",
        60, "set shutdownAfterJobFinishes", {"JOB ttlSecondsAfterFinished": 60}),
    Row("a negative TTL", jobs.negative, JOB, {"JOB ttlSecondsAfterFinished": -1}, {"JOB ttlSecondsAfterFinished": 0},
        "JOB ttlSecondsAfterFinished", -1, "0 or more"),
    Row("neither rayClusterSpec nor clusterSelector", jobs.cluster, JOB, {"JOB rayClusterSpec": GONE}, SELECTED,
        "JOB rayClusterSpec", None, "clusterSelector"),
    Row("clusterSelector with suspend", jobs.selector, JOB, {"JOB suspend": True}, {}, "JOB suspend", True,
        "rayClusterSpec", SELECTED),
    Row("clusterSelector with backoffLimit", jobs.selector, JOB, {"JOB backoffLimit": 2}, {"JOB backoffLimit": 0},
        "JOB backoffLimit", 2, "rayClusterSpec", SELECTED),
    Row("clusterSelector with sidecar mode", jobs.selector, JOB, SIDECAR, {"JOB submissionMode": "HTTPMode"},
        "JOB submissionMode", "SidecarMode", "rayClusterSpec", SELECTED),
    Row("clusterSelector with an empty name", jobs.selector, JOB, {"JOB clusterSelector": {"ray.io/cluster": ""}}, {},
        "JOB clusterSelector ray.io/cluster", "", "name of a RayCluster", SELECTED),
    Row("backoffLimit in interactive mode", jobs.interactive, JOB, {"JOB backoffLimit": 1}, {"JOB backoffLimit": 0},
        "JOB backoffLimit", 1, "remove it", {"JOB submissionMode": "InteractiveMode"}),
    Row("sidecar mode with submitterPodTemplate", jobs.sidecar, JOB,
        {"JOB submitterPodTemplate": {"spec": {"containers": []}}}, {}, "JOB submitterPodTemplate",
        {"spec": {"containers": []}}, "remove it", SIDECAR),
    Row("sidecar mode with submitterConfig", jobs.sidecar, JOB, {"JOB submitterConfig": {"backoffLimit": 1}}, {},
        "JOB submitterConfig", {"backoffLimit": 1}, "remove it", SIDECAR),
    Row("sidecar mode with a head that restarts", jobs.sidecar, JOB, {f"{HEAD} template spec restartPolicy": "Always"},
        {f"{HEAD} template spec restartPolicy": "Never"}, f"{HEAD} template spec restartPolicy", "Always", "Never",
        SIDECAR),
    Row("activeDeadlineSeconds 0", jobs.deadlines, JOB, {"JOB activeDeadlineSeconds": 0},
        {"JOB activeDeadlineSeconds": 1}, "JOB activeDeadlineSeconds", 0, "1 second or more"),
    Row("preRunningDeadlineSeconds negative", jobs.deadlines, JOB, {"JOB preRunningDeadlineSeconds": -5},
        {"JOB preRunningDeadlineSeconds": 5}, "JOB preRunningDeadlineSeconds", -5, "1 second or more"),
    Row("a negative backoffLimit", jobs.negative, JOB, {"JOB backoffLimit": -1}, {"JOB backoffLimit": 3},
        "JOB backoffLimit", -1, "0 or more"),
    # deletion
    Row("deletionRules with shutdownAfterJobFinishes", deletion.exclusive, JOB, {}, BY_RULES,
        "JOB shutdownAfterJobFinishes", True, "remove one", {RULES: [deletes("DeleteSelf")]}),
    Row("deletionRules with onSuccess", deletion.exclusive, JOB,
        {"JOB deletionStrategy onSuccess": {"policy": "DeleteSelf"}}, {}, "JOB deletionStrategy onSuccess",
        {"policy": "DeleteSelf"}, "deletion rule", {**BY_RULES, RULES: [deletes("DeleteSelf")]}),
    Row("deletionRules with onFailure", deletion.exclusive, JOB,
        {"JOB deletionStrategy onFailure": {"policy": "DeleteSelf"}}, {}, "JOB deletionStrategy onFailure",
        {"policy": "DeleteSelf"}, "deletion rule", {**BY_RULES, RULES: [deletes("DeleteSelf")]}),
    Row("deletionRules in a queue of Kueue", deletion.queued, JOB,
        {**BY_RULES, RULES: [deletes("DeleteSelf")]}, {"JOB ttlSecondsAfterFinished": 60},
        "JOB shutdownAfterJobFinishes", False, "set it to true",
        {"metadata labels": {"kueue.x-k8s.io/queue-name": "gpus"}}),
    Row("a rule with both states", deletion.conditions, JOB,
        {RULES: [deletes("DeleteSelf", jobStatus="FAILED", jobDeploymentStatus="Failed")]},
        {RULES: [deletes("DeleteSelf", jobStatus="FAILED")]}, f"{RULES} 0 condition",
        {"jobStatus": "FAILED", "jobDeploymentStatus": "Failed", "ttlSeconds": 0}, "one of jobStatus", BY_RULES),
    Row("a rule with neither state", deletion.conditions, JOB,
        {RULES: [{"policy": "DeleteSelf", "condition": {"ttlSeconds": 5}}]},
        {RULES: [deletes("DeleteSelf", 5, jobDeploymentStatus="Failed")]}, f"{RULES} 0 condition", {"ttlSeconds": 5},
        "one of jobStatus", BY_RULES),
    Row("a rule with a negative TTL", deletion.conditions, JOB, {RULES: [deletes("DeleteSelf", -1)]},
        {RULES: [deletes("DeleteSelf", 1)]}, f"{RULES} 0 condition ttlSeconds", -1, "0 seconds or more", BY_RULES),
    Row("two rules of one policy and state", deletion.twice, JOB,
        {RULES: [deletes("DeleteSelf", 1), deletes("DeleteSelf", 2)]},
        {RULES: [deletes("DeleteSelf", 1), deletes("DeleteSelf", 2, jobStatus="FAILED")]}, f"{RULES} 1",
        deletes("DeleteSelf", 2), "remove one", BY_RULES),
    Row("DeleteWorkers with autoscaling", deletion.policies, JOB, SCALES, {}, f"{RULES} 0 policy", "DeleteWorkers",
        "DeleteCluster", {**BY_RULES, RULES: [deletes("DeleteWorkers")]}),
    *(Row(f"{policy} with clusterSelector", deletion.policies, JOB, {RULES: [deletes(policy)]},
          {RULES: [deletes("DeleteSelf")]}, f"{RULES} 0 policy", policy, "DeleteSelf", {**BY_RULES, **SELECTED})
      for policy in ("DeleteCluster", "DeleteWorkers")),
    *(Row(f"{first} after {then}", deletion.order, JOB, {RULES: [deletes(first, 20), deletes(then, 10)]},
          {RULES: [deletes(first, 10), deletes(then, 10)]}, f"{RULES} 1 condition ttlSeconds", 10,
          "DeleteWorkers come first", BY_RULES)
      for first, then in (("DeleteWorkers", "DeleteCluster"), ("DeleteCluster", "DeleteSelf"),
                          ("DeleteWorkers", "DeleteSelf"))),
    Row("a deletion strategy without its gate", features.gated, JOB, {RULES: [deletes("DeleteSelf")]}, {},
        "JOB deletionStrategy", {"deletionRules": [deletes("DeleteSelf")]}, "--gate RayJobDeletionPolicy", BY_RULES,
        gates=("RayJobDeletionPolicy=false",)),
    # RayCronJob
    *(Row(f"{zone} inside the schedule", cronjobs.zone_in_schedule, CRON, {"spec schedule": f"{zone}=UTC 0 2 * * *"},
          {"spec schedule": "0 2 * * *", "spec timeZone": "Etc/UTC"}, "spec schedule", f"{zone}=UTC 0 2 * * *",
          "timeZone") for zone in ("TZ", "CRON_TZ")),
    *(Row(f"the schedule {bad!r}", cronjobs.schedule, CRON, {"spec schedule": bad}, {"spec schedule": good},
          "spec schedule", bad, "minute, hour, day")
      for bad, good in (("0 2 * *", "0 2 * * *"), ("60 2 * * *", "59 2 * * *"), ("0 2 * * 7", "0 2 * * sun"),
                        ("0 5-2 * * *", "0 2-5/2 * * *"), ("*/0 * * * *", "*/15,7 * ? jan-mar *"),
                        ("@nightly", "@daily"), ("@every 0s", "@every 1h30m"), ("", "@midnight"))),
    Row("an empty timeZone", cronjobs.time_zone, CRON, {"spec timeZone": ""}, {}, "spec timeZone", "", "name a time"),
    Row("an unknown timeZone", cronjobs.time_zone, CRON, {"spec timeZone": "Mars/Olympus"},
        {"spec timeZone": "Asia/Shanghai"}, "spec timeZone", "Mars/Olympus", "Etc/UTC"),
    Row("a template that a RayJob would be refused for", jobs.negative, CRON, {"JOB backoffLimit": -1}, {},
        "JOB backoffLimit", -1, "0 or more"),
    Row("a template whose cluster would be refused", groups.order, CRON, {f"{GROUP} minReplicas": 3}, {},
        f"{GROUP} minReplicas", 3, "raise maxReplicas"),
    # auth
    *(Row(f"tokens with Ray {version}", auth.token_version, CLUSTER, {"CLUSTER rayVersion": version},
          {"CLUSTER rayVersion": "2.52.0"}, "CLUSTER rayVersion", version, "2.52 or newer",
          {"CLUSTER authOptions": {"mode": "token"}}) for version in ("2.51.2", "", "nightly")),
    Row("Kubernetes tokens below Ray 2.55", auth.kubernetes_tokens, CLUSTER, {"CLUSTER rayVersion": "2.54.0"},
        {"CLUSTER rayVersion": "2.55.0"}, "CLUSTER rayVersion", "2.54.0", "2.55 or newer",
        {"CLUSTER authOptions": {"mode": "token", "enableK8sTokenAuth": True}}),
    Row("Kubernetes tokens with a secret name", auth.kubernetes_tokens, CLUSTER,
        {"CLUSTER authOptions secretName": "mine"}, {}, "CLUSTER authOptions secretName", "mine", "remove it",
        {"CLUSTER authOptions": {"mode": "token", "enableK8sTokenAuth": True}}),
    Row("Kubernetes tokens without mode token", auth.kubernetes_tokens, CLUSTER,
        {"CLUSTER authOptions": {"enableK8sTokenAuth": True}},
        {"CLUSTER authOptions": {"mode": "token", "enableK8sTokenAuth": True}}, "CLUSTER authOptions mode", None,
        "set it to token"),
    *(Row(f"Kubernetes tokens on a {kind}", auth.kubernetes_tokens, kind,
          {"CLUSTER authOptions": {"mode": "token", "enableK8sTokenAuth": True}},
          {"CLUSTER authOptions": {"mode": "token"}}, "CLUSTER authOptions enableK8sTokenAuth", True, "remove it")
      for kind in (JOB, SERVICE)),
    # gates
    *(Row(f"{name} without its gate", features.gated, CLUSTER, {f"CLUSTER {name}": {}}, {}, f"CLUSTER {name}", {},
          f"--gate {gate}", gates=())
      for name, gate in (("networkPolicy", "RayClusterNetworkPolicy"), ("tlsOptions", "RayClusterMTLS"),
                         ("historyServerOptions", "RayClusterHistoryServer"))),
    Row("a RayCronJob without its gate", features.gated, CRON, {}, {}, "kind", CRON, "--gate RayCronJob", gates=(),
        good_gates=("RayCronJob",)),
    # RayService
    Row("a name set for the head service", services.head_name, SERVICE,
        {f"{HEAD} headService": {"metadata": {"name": "mine"}}},
        {f"{HEAD} headService": {"metadata": {"labels": {"a": "b"}}}}, f"{HEAD} headService metadata name", "mine",
        "remove it"),
    Row("a negative deletion delay", services.deletion_delay, SERVICE, {"spec rayClusterDeletionDelaySeconds": -1},
        {"spec rayClusterDeletionDelaySeconds": 0}, "spec rayClusterDeletionDelaySeconds", -1, "0 seconds or more"),
    *(Row(f"the initialising time-out {bad}", services.initializing_timeout, SERVICE,
          {"metadata annotations": {"ray.io/initializing-timeout": bad}},
          {"metadata annotations": {"ray.io/initializing-timeout": good}},
          "metadata annotations ray.io/initializing-timeout", bad, "a duration")
      for bad, good in (("0", "600"), ("-5m", "1h30m"), ("soon", "0.5h"))),
]  # fmt: skip


def path_of(row: Row) -> str:
    path = ""
    for key in steps(row.kind, row.refused):
        path = joined(path, key)
    return path


def subject(row: Row, changes: Mapping[str, Any], gates: tuple[str, ...]) -> Subject:
    return Subject(Field(changed(row.kind, {**row.both, **changes})), parse_gates(gates))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.clause)
def test_a_manifest_that_breaks_a_rule_is_refused_with_field_value_and_remedy(row: Row) -> None:
    [finding] = row.rule(subject(row, row.bad, row.gates))
    assert (finding.field, finding.value) == (path_of(row), row.value)
    assert row.remedy in finding.remedy
    value = "is not set" if row.value is None else f"is {shown(row.value)}"
    assert str(finding) == f"{finding.field} {value}: {finding.problem}; {finding.remedy}"
    assert finding in list(broken(subject(row, row.bad, row.gates)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.clause)
def test_the_manifest_beside_it_passes_all_rules(row: Row) -> None:
    gates = row.gates if row.good_gates is None else row.good_gates
    assert not list(broken(subject(row, row.good, gates)))


def test_every_rule_has_a_row() -> None:
    rules = {rule for rules in THEMES.values() for rule in rules}
    assert {row.rule for row in ROWS} == rules


@pytest.mark.parametrize("kind", [CLUSTER, JOB, SERVICE, CRON])
def test_a_plain_manifest_of_each_kind_passes(kind: str) -> None:
    assert not list(broken(Subject(Field(changed(kind)), parse_gates(["RayCronJob"]))))
