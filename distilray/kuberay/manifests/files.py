"""Manifests as files: the same recipe gives the same bytes, and a directory that is not ours is left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from distilray.kuberay.manifests.pods import Manifest
from distilray.kuberay.manifests.settings import CannotRender

MARK = "# Written by `distilray cluster render`: change the recipe or the options, and render again."
KUSTOMIZATION = "kustomization.yaml"
FOLDERS = {
    "storage": ("recipe.yaml", "runs.yaml", "weights.yaml", "prefetch.yaml"),
    "run": ("rayjob.yaml",),
    "cluster": ("raycluster.yaml",),
    "serve": ("rayservice.yaml",),
    "nightly": ("raycronjob.yaml",),
}
"""Everything that may be written; each folder has a kustomization of its own."""


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, and no references from one place of a file to another."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dumped(manifest: Manifest) -> str:
    """The manifest as YAML, with its own order of keys."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def kustomization(resources: Iterable[str], namespace: str | None, note: str = "") -> str:
    """A kustomization of ``resources``, files or folders."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    place = {} if namespace is None else {"namespace": namespace}
    return "\n".join([MARK, *([f"# {note}"] if note else []), dumped({**head, **place, "resources": list(resources)})])


def write(files: Mapping[str, str], out: str) -> None:
    """Writes ``files``, by their paths, below ``out``, and takes away what an earlier rendering wrote there beside
    them. Raises :class:`CannotRender` where ``out`` holds anything else."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise CannotRender(f"--out: {out} is a file; give a directory")
    if folder.exists() and any(folder.iterdir()) and not _is_ours(folder):
        raise CannotRender(
            f"--out: {out} is not empty, and `distilray cluster render` did not write it; give another directory, or "
            "empty this one"
        )
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for inner, names in FOLDERS.items():
        for name in (*names, KUSTOMIZATION):
            if f"{inner}/{name}" not in files:
                (folder / inner / name).unlink(missing_ok=True)
        if (folder / inner).is_dir() and not any((folder / inner).iterdir()):
            (folder / inner).rmdir()


def _is_ours(folder: Path) -> bool:
    file = folder / KUSTOMIZATION
    return file.is_file() and file.read_text("utf-8").startswith(MARK)
