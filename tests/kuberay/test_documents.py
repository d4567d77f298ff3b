"""Which documents are read from files, directories and kustomizations, and what is not one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml

from distilray.kuberay import ManifestError, read_documents
from tests.support.kuberay import changed


def write(path: Path, *documents: object) -> None:
    path.write_text("---\n".join(yaml.safe_dump(document) for document in documents))


def test_a_file_may_hold_several(tmp_path: Path) -> None:
    write(tmp_path / "all.yaml", changed("RayJob"), changed("RayCluster"))
    found = read_documents([str(tmp_path / "all.yaml")])
    assert [document.title for document in found] == ["RayJob first", "RayCluster first"]


def test_a_kustomization_names_what_is_no_manifest(tmp_path: Path) -> None:
    write(tmp_path / "job.yaml", changed("RayJob"))
    write(tmp_path / "patch.yaml", {"kind": "RayJob", "spec": {"suspend": True}})
    write(tmp_path / "recipe.yaml", {"sources": []})
    generator = {"name": "recipe", "files": ["recipe.yaml"]}
    patches = [{"path": "patch.yaml"}, {"patch": "- op: remove", "target": {"kind": "RayJob"}}]
    write(tmp_path / "kustomization.yaml", {"configMapGenerator": [generator], "patches": patches})
    assert [document.title for document in read_documents([str(tmp_path)])] == ["RayJob first"]


def test_a_pipe_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(changed("RayService"))))
    [document] = read_documents(["-"])
    assert (document.place, document.title) == ("standard input", "RayService first")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML"),
        ("- a\n- b\n", "a manifest is a mapping with apiVersion and kind, not"),
        (None, "not exist"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "file.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ManifestError, match=f"file.yaml: .*{said}"):
        read_documents([str(file)])


def test_a_directory_without_manifests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"holds no \*.yaml; give a directory of manifests"):
        read_documents([str(tmp_path)])
