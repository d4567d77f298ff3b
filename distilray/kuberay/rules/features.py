"""Fields that need a feature gate of the operator."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Field, Finding
from distilray.kuberay.rules.groups import DELETION_GATE
from distilray.kuberay.subjects import Subject

CLUSTER_FIELDS = {
    "networkPolicy": "RayClusterNetworkPolicy",
    "tlsOptions": "RayClusterMTLS",
    "historyServerOptions": "RayClusterHistoryServer",
}
CRON_GATE, ROCKSDB_GATE = "RayCronJob", "GCSFaultToleranceEmbeddedStorage"


def gated(subject: Subject) -> Iterator[Finding]:
    for field, gate in _gated_fields(subject):
        if gate not in subject.gates:
            yield field.refused(
                f"it needs the operator's feature gate {gate}",
                f"turn it on (--feature-gates={gate}=true) and say --gate {gate} here, or remove it",
            )


def _gated_fields(subject: Subject) -> Iterator[tuple[Field, str]]:
    if subject.kind == "RayCronJob":
        yield subject.document.at("kind"), CRON_GATE
    for job in subject.jobs():
        if job.at("deletionStrategy").present:
            yield job.at("deletionStrategy"), DELETION_GATE
    for cluster in subject.clusters():
        for name, gate in CLUSTER_FIELDS.items():
            if cluster.spec.at(name).present:
                yield cluster.spec.at(name), gate
        backend = cluster.spec.at("gcsFaultToleranceOptions", "backend")
        if backend.value == "rocksdb":
            yield backend, ROCKSDB_GATE
