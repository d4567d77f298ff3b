"""Reading manifests: the documents of YAML files, of a directory, or of a stream."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from distilray.errors import InputError

KUSTOMIZATION = "kustomization.yaml"
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is there: CRDs have tens of thousands of lines."""


class ManifestError(InputError):
    """Manifests that cannot be read."""


@dataclass(frozen=True)
class Document:
    """One document of a file of manifests."""

    place: str
    """The file."""
    value: dict[str, Any]

    @property
    def title(self) -> str:
        name = (self.value.get("metadata") or {}).get("name")
        return f"{self.value.get('kind', 'document')} {name}" if name else str(self.value.get("kind", "document"))


def read_documents(paths: Iterable[str]) -> list[Document]:
    """The documents at ``paths``: files, directories (their ``*.yaml`` at any depth, without those that are
    patches of a kustomization), or ``-``, the standard input. Raises :class:`ManifestError`."""
    return [document for path in paths for document in _read(path)]


def _read(path: str) -> Iterator[Document]:
    if path == "-":
        yield from documents_in(sys.stdin.read(), "standard input")
        return
    place = Path(path)
    if not place.exists():
        raise ManifestError(f"{path}: does not exist; give a file or a directory of manifests, or - to read a pipe")
    for file in _files(place) if place.is_dir() else [place]:
        yield from documents_in(file.read_text("utf-8"), str(file))


def documents_in(text: str, place: str) -> list[Document]:
    """The documents of ``text``. Raises :class:`ManifestError`, which names ``place``, where it is not YAML."""
    try:
        values = [value for value in yaml.load_all(text, Loader) if value is not None]
    except yaml.YAMLError as error:
        raise ManifestError(f"{place}: not YAML: {' '.join(str(error).split())}") from error
    for value in values:
        if not isinstance(value, dict):
            raise ManifestError(f"{place}: a manifest is a mapping with apiVersion and kind, not {value!r:.60}")
    return [Document(place, value) for value in values]


def _files(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*.yaml") if file.is_file() and file.name != KUSTOMIZATION)
    if not files:
        raise ManifestError(f"{folder}: holds no *.yaml; give a directory of manifests")
    left_out = {file for place in folder.rglob(KUSTOMIZATION) for file in _parts(place)}
    return [file for file in files if file.resolve() not in left_out]


def _parts(kustomization: Path) -> Iterator[Path]:
    """Files of a kustomization that hold parts of manifests, or none, and so cannot be checked alone."""
    for document in documents_in(kustomization.read_text("utf-8"), str(kustomization)):
        names = [patch["path"] for patch in document.value.get("patches") or [] if "path" in patch]
        for generator in document.value.get("configMapGenerator") or []:
            names += [file.rpartition("=")[2] for file in generator.get("files") or []]
        yield from ((kustomization.parent / name).resolve() for name in names)
