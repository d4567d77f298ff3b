"""Manifests checked without a cluster: the operator's rules, and the schemas of CRDs where they are given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from distilray.kuberay.documents import Document
from distilray.kuberay.fields import Field, Finding
from distilray.kuberay.gates import DEFAULT
from distilray.kuberay.rules.registry import broken
from distilray.kuberay.schemas import Schemas
from distilray.kuberay.subjects import GROUP, KINDS, Subject


@dataclass(frozen=True)
class Refusal:
    """A finding in a document of a file."""

    place: str
    title: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.place}: {self.title}: {self.finding}"


@dataclass(frozen=True)
class Checked:
    """What was checked, and what of it would be refused."""

    checked: tuple[str, ...]
    """Titles of the manifests of KubeRay's kinds."""
    others: tuple[str, ...]
    """Titles of other manifests, of which nothing is known here."""
    refusals: tuple[Refusal, ...]


def check_documents(
    documents: Iterable[Document], gates: frozenset[str] = DEFAULT, schemas: Schemas | None = None
) -> Checked:
    """What KubeRay's operator with ``gates`` on, and a cluster with the CRDs of ``schemas``, would refuse."""
    ours, others, refusals = [], [], []
    for document in documents:
        if str(document.value.get("apiVersion", "")).partition("/")[0] != GROUP:
            others.append(document.title)
            continue
        ours.append(document.title)
        found = _findings(document, gates, schemas)
        refusals += [Refusal(document.place, document.title, finding) for finding in found]
    return Checked(tuple(ours), tuple(others), tuple(refusals))


def _findings(document: Document, gates: frozenset[str], schemas: Schemas | None) -> Iterator[Finding]:
    kind = Field(document.value).at("kind")
    if kind.value not in KINDS:
        yield kind.refused("KubeRay has no such kind", f"use one of {', '.join(KINDS)}")
        return
    if schemas is not None:
        yield from schemas.findings(document.value)
    yield from broken(Subject(Field(document.value), gates))
