"""Authentication of requests to a cluster."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Field, Finding
from distilray.kuberay.subjects import Subject, version_of

TOKENS_SINCE, KUBERNETES_SINCE = (2, 52), (2, 55)


def token_version(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        if cluster.spec.at("authOptions", "mode").value == "token":
            yield from _at_least(cluster.spec.at("rayVersion"), TOKENS_SINCE, "authOptions.mode is token")


def kubernetes_tokens(subject: Subject) -> Iterator[Finding]:
    for cluster in subject.clusters():
        options = cluster.spec.at("authOptions")
        field, mode, secret = (options.at(name) for name in ("enableK8sTokenAuth", "mode", "secretName"))
        if field.value is not True:
            continue
        if subject.kind != "RayCluster":
            yield field.refused(f"a {subject.kind} does not support it", "remove it, and keep mode: token")
        if mode.value != "token":
            yield mode.refused("authOptions.enableK8sTokenAuth needs token authentication", "set it to token")
        if secret.given:
            yield secret.refused("with enableK8sTokenAuth tokens are those of service accounts", "remove it")
        yield from _at_least(cluster.spec.at("rayVersion"), KUBERNETES_SINCE, "authOptions.enableK8sTokenAuth is on")


def _at_least(version: Field, least: tuple[int, int], why: str) -> Iterator[Finding]:
    needed = ".".join(map(str, least))
    if (version_of(version) or (0, 0)) < least:
        yield version.refused(f"{why}, which needs Ray {needed}", f"set it to that of the image, {needed} or newer")
