"""The directory that is written: its own files alone, and nothing of anyone else's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from distilray.kuberay import CannotRender
from distilray.kuberay.manifests.files import MARK, dumped, kustomization, write

OURS = {"kustomization.yaml": kustomization(["run"], None), "run/rayjob.yaml": "a: 1\n"}


def test_files_of_an_earlier_rendering_go(tmp_path: Path) -> None:
    write({**OURS, "nightly/raycronjob.yaml": "b: 2\n", "nightly/kustomization.yaml": MARK}, str(tmp_path / "out"))
    (tmp_path / "out" / "run" / "mine.yaml").write_text("kept")
    write(OURS, str(tmp_path / "out"))
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {*OURS, "run/mine.yaml"} and not (tmp_path / "out" / "nightly").exists()


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    with pytest.raises(CannotRender, match="--out: .* is not empty, and `distilray cluster render` did not write it"):
        write(OURS, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["kustomization.yaml"]
    with pytest.raises(CannotRender, match="is a file; give a directory"):
        write(OURS, str(tmp_path / "kustomization.yaml"))


def test_a_namespace_is_the_kustomizations() -> None:
    found = yaml.safe_load(kustomization(["a.yaml"], "team", "What it is."))
    assert (found["namespace"], found["resources"]) == ("team", ["a.yaml"])
    assert "namespace" not in yaml.safe_load(kustomization(["a.yaml"], None))


def test_yaml_keeps_its_order_its_blocks_and_its_text() -> None:
    shared = {"cpu": "2"}
    document = {"b": {"requests": shared, "limits": shared}, "a": "one\ntwo\n", "n": "1", "zh": "数学"}
    text = dumped(document)
    assert text == "b:\n  requests:\n    cpu: '2'\n  limits:\n    cpu: '2'\na: |\n  one\n  two\nn: '1'\nzh: 数学\n"
    assert yaml.safe_load(text) == document
