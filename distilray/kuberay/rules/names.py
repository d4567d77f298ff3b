"""Names: the operator appends to them, and makes labels and host names of the result."""

from __future__ import annotations

import re
from collections.abc import Iterator

from distilray.kuberay.fields import Finding
from distilray.kuberay.subjects import Subject

LONGEST = {"RayCluster": 53, "RayJob": 47, "RayService": 47, "RayCronJob": 36}
LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def length(subject: Subject) -> Iterator[Finding]:
    name, most = subject.document.at("metadata", "name"), LONGEST[subject.kind]
    if isinstance(name.value, str) and len(name.value) > most:
        yield name.refused(
            f"it has {len(name.value)} characters, and the name of a {subject.kind} may have {most}", "shorten it"
        )


def label(subject: Subject) -> Iterator[Finding]:
    name = subject.document.at("metadata", "name")
    if not name.present and subject.document.at("metadata", "generateName").present:
        return
    if not isinstance(name.value, str) or not LABEL.fullmatch(name.value):
        yield name.refused(
            "it is no DNS-1035 label",
            "use lower-case letters, digits and '-', beginning with a letter and ending with a letter or a digit",
        )
