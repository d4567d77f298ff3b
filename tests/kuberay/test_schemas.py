"""KubeRay's CRDs, strictly: fields that they do not know, that they require, and values that they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from distilray.kuberay import KINDS, ManifestError, Schemas
from distilray.kuberay.schemas import strict
from tests.support.kuberay import GONE, changed, schemas


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_manifest_fits_its_crd(kind: str) -> None:
    assert schemas().findings(changed(kind)) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "said"),
    [
        ("RayJob", "JOB backofLimit", 3,
         "spec.backofLimit is 3: the CRD knows no such field; did you mean backoffLimit?"),
        ("RayJob", "CLUSTER headGroupSpec template spec containers 0 foo", 1,
         "spec.rayClusterSpec.headGroupSpec.template.spec.containers[0].foo is 1: the CRD knows no such field; "
         "remove it: a cluster would drop it without a word"),
        ("RayService", "metadata label", {"a": "b"},
         'metadata.label is {"a": "b"}: the CRD knows no such field; did you mean labels?'),
        ("RayCluster", "CLUSTER headGroupSpec rayStartParams num-cpus", 0,
         "spec.headGroupSpec.rayStartParams.num-cpus is 0: it must be of type string; "
         "write it so; text that looks like a number or a boolean needs quotes"),
        ("RayJob", "JOB backoffLimit", True,
         "spec.backoffLimit is true: it must be of type integer; "
         "write it so; text that looks like a number or a boolean needs quotes"),
        ("RayCluster", "CLUSTER authOptions", {"mode": "tokens"},
         "spec.authOptions.mode is tokens: the CRD does not know this value; use one of disabled, token"),
        ("RayCluster", "CLUSTER headGroupSpec", GONE,
         "spec.headGroupSpec is not set: the CRD requires it; add it"),
        ("RayJob", "JOB backoffLimit", 2**31,
         "spec.backoffLimit is 2147483648: the CRD's maximum is 2147483647; keep to it"),
        ("RayCluster", "kind", "RayClusters",
         "kind is RayClusters: no CRD defines it in ray.io/v1; use one of "),
    ],
)  # fmt: skip
def test_what_a_crd_refuses_is_named(kind: str, path: str, value: Any, said: str) -> None:
    [finding] = schemas().findings(changed(kind, {path: value}))
    assert str(finding).startswith(said)


def test_two_fields_that_are_missing_are_named_once_each() -> None:
    gone = {f"CLUSTER workerGroupSpecs 0 {name}": GONE for name in ("groupName", "template")}
    findings = schemas().findings(changed("RayCluster", gone))
    assert [finding.field for finding in findings] == [
        "spec.workerGroupSpecs[0].groupName", "spec.workerGroupSpecs[0].template",
    ]  # fmt: skip


def test_quantities_are_numbers_or_text() -> None:
    place = "CLUSTER headGroupSpec template spec containers 0 resources"
    for cpu in (2, "500m"):
        assert not schemas().findings(changed("RayCluster", {place: {"limits": {"cpu": cpu}}}))
    assert schemas().findings(changed("RayCluster", {place: {"limits": {"cpu": "two"}}}))


def test_what_a_schema_leaves_open_stays_open() -> None:
    schema = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"inner": {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}}},
    }
    made = strict(schema)
    assert "additionalProperties" not in made
    assert made["properties"]["inner"] == {
        "type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": [],
        "additionalProperties": False,
    }  # fmt: skip


def test_a_folder_without_crds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(changed("RayJob")))
    with pytest.raises(ManifestError, match="holds no CustomResourceDefinition; give the directory of KubeRay's CRDs"):
        Schemas.read(tmp_path)
