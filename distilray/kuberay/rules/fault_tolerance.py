"""Fault tolerance of the global control store (GCS): its options, and what must not be set beside them."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Field, Finding
from distilray.kuberay.subjects import Cluster, Subject, ray_container

FT_ENABLED, NAMESPACE = "ray.io/ft-enabled", "ray.io/external-storage-namespace"
ADDRESS, PASSWORD = "RAY_REDIS_ADDRESS", "REDIS_PASSWORD"
REDIS = ("redisAddress", "redisUsername", "redisPassword", "externalStorageNamespace")
STORAGE_VARIABLES = ("RAY_gcs_storage", "RAY_gcs_storage_path")
VOLUME, MOUNT = "gcs-storage", "/data/gcs"


def annotation(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        old = cluster.annotations.at(FT_ENABLED)
        if _options(cluster).present and old.given:
            yield old.refused("gcsFaultToleranceOptions are set as well", "remove the annotation")


def set_by_hand(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        if not _options(cluster).present:
            continue
        found = (
            ("redisPassword", cluster.head.at("rayStartParams", "redis-password")),
            ("redisPassword", cluster.head_variable(PASSWORD)),
            ("redisAddress", cluster.head_variable(ADDRESS)),
            ("externalStorageNamespace", cluster.annotations.at(NAMESPACE)),
        )
        for option, field in found:
            if field.given:
                yield field.refused(
                    "gcsFaultToleranceOptions are set as well",
                    f"remove it, and set gcsFaultToleranceOptions.{option}",
                )


def address_alone(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        address = cluster.head_variable(ADDRESS)
        enabled = str(cluster.annotations.at(FT_ENABLED).value).lower() == "true"
        if address.present and not enabled and not _options(cluster).present:
            yield address.refused(
                f"{ADDRESS} turns fault tolerance on by the back door", "set gcsFaultToleranceOptions.redisAddress"
            )


def rocksdb_settings(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        options = _options(cluster)
        if not _embedded(options):
            continue
        for name in REDIS:
            if options.at(name).given:
                yield options.at(name).refused("the backend is rocksdb, not redis", "remove it, or the backend")


def rocksdb_by_hand(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        if not _embedded(_options(cluster)):
            continue
        container = ray_container(cluster.head)
        fields = [cluster.head_variable(name) for name in STORAGE_VARIABLES]
        for mount in container.at("volumeMounts").each():
            fields += [mount.at("name")] if mount.at("name").value == VOLUME else []
            fields += [mount.at("mountPath")] if mount.at("mountPath").value == MOUNT else []
        for volume in cluster.head.at("template", "spec", "volumes").each():
            fields += [volume.at("name")] if volume.at("name").value == VOLUME else []
        for field in fields:
            if field.present:
                yield field.refused(
                    "the operator makes the storage of the backend rocksdb itself",
                    "remove it; gcsFaultToleranceOptions.storage.claimName names a volume of yours",
                )


def _options(cluster: Cluster) -> Field:
    return cluster.spec.at("gcsFaultToleranceOptions")


def _embedded(options: Field) -> bool:
    return options.at("backend").value == "rocksdb"
