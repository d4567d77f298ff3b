"""``distilray cluster``: what it writes, what it says of manifests, and its exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from distilray.errors import InputError
from tests.support import command_line, echo_recipe
from tests.support.kuberay import changed, crds


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "job.yaml"


def test_manifests_that_pass_are_counted(manifest: Path) -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "runs"}}
    manifest.write_text(yaml.safe_dump_all([changed("RayJob"), claim]))
    ended = command_line.distilray("cluster", "check", str(manifest.parent))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "1 manifest of KubeRay's checked, 0 problems; PersistentVolumeClaim runs: not KubeRay's, not checked\n"
    )


def test_a_broken_rule_is_named_with_file_field_value_and_remedy(manifest: Path) -> None:
    manifest.write_text(yaml.safe_dump(changed("RayJob", {"JOB backoffLimit": -1})))
    ended = command_line.distilray("cluster", "check", str(manifest))
    assert ended.code == InputError.exit_code
    assert ended.err == f"{manifest}: RayJob first: spec.backoffLimit is -1: it cannot be negative; give 0 or more\n"
    assert ended.out == "1 manifest of KubeRay's checked, 1 problem\n"


def test_gates_are_those_that_are_named(manifest: Path) -> None:
    manifest.write_text(yaml.safe_dump(changed("RayCronJob")))
    refused = command_line.distilray("cluster", "check", str(manifest))
    assert refused.code == InputError.exit_code and "say --gate RayCronJob here" in refused.err
    assert command_line.distilray("cluster", "check", str(manifest), "--gate", "RayCronJob").code == 0
    unknown = command_line.distilray("cluster", "check", str(manifest), "--gate", "RayCron")
    assert unknown.code == InputError.exit_code
    assert "--gate RayCron: give NAME, NAME=true or NAME=false with one of KubeRay's feature gates: Ray" in unknown.err


def test_a_kind_that_kuberay_does_not_have_is_refused(manifest: Path) -> None:
    manifest.write_text(yaml.safe_dump(changed("RayJob") | {"kind": "RayJobs"}))
    ended = command_line.distilray("cluster", "check", str(manifest))
    assert ended.code == InputError.exit_code
    assert "kind is RayJobs: KubeRay has no such kind; use one of RayCluster, RayJob, RayService" in ended.err


def test_with_crds_an_unknown_field_is_refused(manifest: Path) -> None:
    manifest.write_text(yaml.safe_dump(changed("RayJob", {"JOB backofLimit": 3})))
    assert command_line.distilray("cluster", "check", str(manifest)).code == 0
    (manifest.parent / "crds").mkdir()
    shutil.copy(crds() / "ray.io_rayjobs.yaml", manifest.parent / "crds")
    ended = command_line.distilray("cluster", "check", str(manifest), "--crds", str(manifest.parent / "crds"))
    assert ended.code == InputError.exit_code
    assert "spec.backofLimit is 3: the CRD knows no such field; did you mean backoffLimit?" in ended.err


def test_a_recipe_is_rendered_and_what_is_written_passes(tmp_path: Path) -> None:
    recipe, out = echo_recipe.write(tmp_path), tmp_path / "deploy"
    ended = command_line.distilray("cluster", "render", recipe, "--out", str(out), "models.teacher.replicas=3")
    assert (ended.code, ended.err) == (0, "")
    assert f"files in {out}: {out}/README.md has the commands" in ended.out
    assert ended.out.startswith("cpu          1 node of 4 CPUs, 16 GiB\n")
    job = yaml.safe_load((out / "run" / "rayjob.yaml").read_text("utf-8"))
    assert job["spec"]["entrypoint"].endswith("--run /runs/echo models.teacher.replicas=3")
    assert command_line.distilray("cluster", "check", str(out)).code == 0
    again = command_line.distilray("cluster", "render", recipe, "--out", str(out), "--queue", "team", "--retries", "5")
    assert again.code == 0
    job = yaml.safe_load((out / "run" / "rayjob.yaml").read_text("utf-8"))
    assert (job["spec"]["suspend"], job["spec"]["backoffLimit"]) == (True, 5)


def test_a_directory_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    recipe = echo_recipe.write(tmp_path)  # beside its rows
    ended = command_line.distilray("cluster", "render", recipe, "--out", str(tmp_path))
    assert ended.code == InputError.exit_code
    assert "is not empty, and `distilray cluster render` did not write it; give another directory" in ended.err
