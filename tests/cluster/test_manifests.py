"""The manifests below ``cluster/``: every overlay builds, and what comes out is accepted and says what it should."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from distilray.cli.command_line import parse
from distilray.serve import ServeSettings
from tests.support import manifests
from tests.support.manifests import OVERLAYS, all_pods, built, cluster_of, clusters, environment_of, of_kind, pods
from tests.support.paths import ROOT

MAKES = {
    "cluster-pvc": "RayCluster",
    "cluster-s3": "RayCluster",
    "job-kueue": "RayJob",
    "job-pvc": "RayJob",
    "job-rdma": "RayJob",
    "job-s3": "RayJob",
    "nightly": "RayCronJob",
    "serve": "RayService",
}
PUBLIC = {"ghcr.io", "docker.io"}
"""Hosts of registries that manifests may name."""


def mounted(pod: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The volume that the first container of a pod has at ``path``."""
    spec = pod["spec"]
    names = [mount["name"] for mount in spec["containers"][0]["volumeMounts"] if mount["mountPath"] == path]
    return next((volume for volume in spec["volumes"] if volume["name"] in names), None)


def test_every_file_is_yaml_and_every_overlay_is_known() -> None:
    for path in manifests.files("*.yaml"):
        assert list(yaml.safe_load_all(path.read_text("utf-8"))), path
    assert MAKES.keys() == set(OVERLAYS)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_makes_one_object_of_ray_which_the_crds_accept(overlay: str) -> None:
    [document] = of_kind(overlay, *manifests.CLUSTER_SPECS)
    assert document["kind"] == MAKES[overlay]
    assert not manifests.problems(document)


def test_a_field_that_the_crds_do_not_know_is_found() -> None:
    document = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": "one"},
        "spec": {"headGroupSpec": {"template": {"spec": {"containers": [{"name": "head", "imag": "x"}]}}}},
    }
    assert ["'imag' was unexpected" in problem for problem in manifests.problems(document)] == [True]


@pytest.mark.skipif(importlib.util.find_spec("distilray.kuberay") is None, reason="no `distilray cluster check` here")
def test_the_products_own_check_accepts_every_overlay_with_the_gate_that_one_needs(tmp_path: Path) -> None:
    """With the rules of the operator, which no schema knows."""
    for overlay in OVERLAYS:
        (tmp_path / f"{overlay}.yaml").write_text(yaml.safe_dump_all(built(overlay)))
    command = [sys.executable, "-m", "distilray.cli", "cluster", "check", tmp_path]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode and "feature gate RayCronJob" in refused.stdout + refused.stderr
    accepted = subprocess.run([*command, "--gate", "RayCronJob"], cwd=ROOT, capture_output=True, text=True)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_core_objects_are_those_of_kubernetes(overlay: str) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for document in built(overlay):
        if "ray.io" not in document["apiVersion"] and "coreos.com" not in document["apiVersion"]:
            validate.validate(document, validate.latest_version(), strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_head_does_no_work_and_groups_of_nodes_grow_where_nothing_else_decides(overlay: str) -> None:
    for cluster in clusters(overlay):
        assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
        assert {"cpu", "gpu-h100-8"} <= groups.keys()
        grows = cluster["enableInTreeAutoscaling"]
        assert grows == (overlay != "job-kueue")
        assert not grows or cluster["autoscalerOptions"]["version"] == "v2"
        for group in groups.values():
            limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
            assert group["minReplicas"] == group["replicas"] <= group["maxReplicas"]
            assert group["minReplicas"] < group["maxReplicas"] or not grows
            assert ("nvidia.com/gpu" in limits) == group["groupName"].startswith("gpu")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_runs_as_root_or_gains_rights(overlay: str) -> None:
    found = list(all_pods(overlay))
    assert found
    for pod in found:
        context = pod["spec"]["securityContext"]
        assert (
            context["runAsNonRoot"] and context["runAsUser"] and context["seccompProfile"]["type"] == "RuntimeDefault"
        )
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
        assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "distilray"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nodes_share_memory_runs_and_weights(overlay: str) -> None:
    environment = environment_of(overlay)
    for pod in (pod for cluster in clusters(overlay) for pod in pods(cluster)):
        shm, weights, runs = (mounted(pod, path) for path in ("/dev/shm", "/weights", "/runs"))
        assert shm is not None and shm["emptyDir"]["medium"] == "Memory" and shm["emptyDir"]["sizeLimit"]
        assert weights is not None and environment["HF_HOME"].startswith("/weights/")
        assert (runs is None) == environment["RUNS"].startswith("s3://")
        assert runs is None or runs["persistentVolumeClaim"]["claimName"] == "distilray-runs"
        assert ("HF_HUB_OFFLINE" in environment) == ("persistentVolumeClaim" in weights)
    claims = {claim["metadata"]["name"] for claim in of_kind(overlay, "PersistentVolumeClaim")}
    used = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in all_pods(overlay)
        for volume in pod["spec"].get("volumes", ())
        if "persistentVolumeClaim" in volume
    }
    assert claims == used


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_named_and_never_written(overlay: str) -> None:
    assert not of_kind(overlay, "Secret")
    named = {
        source["secretRef"]["name"]
        for pod in all_pods(overlay)
        for container in pod["spec"]["containers"]
        for source in container.get("envFrom", ())
        if "secretRef" in source
    }
    assert named == {"distilray-storage", "distilray-keys"}
    words = re.compile(r"SECRET|TOKEN|PASSWORD|API_KEY|ACCESS_KEY")
    assert not [name for name in environment_of(overlay) if words.search(name)]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_have_a_version_and_come_from_public_places(overlay: str) -> None:
    images = [container["image"] for pod in all_pods(overlay) for container in pod["spec"]["containers"]]
    for image in images:
        name, _, version = image.rpartition(":")
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), image
        assert name.split("/")[0] in PUBLIC, image
    text = "\n".join(path.read_text("utf-8") for path in manifests.files("*.yaml", "*Dockerfile"))
    hosts = set(re.findall(r"\b((?:[\w-]+\.)+(?:io|com|org|net|dev))/[\w.-]+/[\w./-]+:[\w.-]+", text))
    assert hosts <= PUBLIC


def test_a_job_goes_on_after_a_retry_and_its_driver_is_not_on_the_head() -> None:
    for overlay in (name for name, kind in MAKES.items() if kind in ("RayJob", "RayCronJob")):
        [document] = of_kind(overlay, "RayJob", "RayCronJob")
        spec = document["spec"].get("jobTemplate", document["spec"])
        assert spec["backoffLimit"] > 0 and spec["shutdownAfterJobFinishes"] and spec["activeDeadlineSeconds"] > 0
        assert " --run $RUNS/" in spec["entrypoint"]
        assert spec["entrypointNumCpus"] >= 1 and "driver" in spec["entrypointResources"]
        groups = cluster_of(document)["workerGroupSpecs"]
        assert [group["groupName"] for group in groups if "driver" in group.get("resources", {})] == ["cpu"]


def test_the_commands_are_commands_of_the_product() -> None:
    environment = environment_of("job-s3")
    for overlay in ("job-s3", "job-rdma", "nightly"):
        [document] = of_kind(overlay, "RayJob", "RayCronJob")
        entrypoint = document["spec"].get("jobTemplate", document["spec"])["entrypoint"]
        for name in ("RECIPE", "RUNS"):
            entrypoint = entrypoint.replace(f"${name}", environment[name])
        words = shlex.split(entrypoint.replace("$(date +%F)", "2026-01-31"))
        if overlay == "nightly":
            assert words[0] == "distilray"
            assert parse(words[1:]).command.startswith("distilray evaluate ")
            continue
        scripts = [ROOT / word.removeprefix("/opt/distilray/") for word in words if word.endswith(".py")]
        assert scripts and all(script.is_file() for script in scripts), words
        last = words[words.index(f"/opt/distilray/{scripts[-1].relative_to(ROOT)}") + 1 :]
        assert parse(["run", *last]).overrides == []
        assert (ROOT / last[0].removeprefix("/opt/distilray/")).is_file()


def test_two_nodes_are_tried_before_engines_start_where_they_talk_over_rdma() -> None:
    [job] = of_kind("job-rdma", "RayJob")
    check, _, recipe = job["spec"]["entrypoint"].partition(" -- ")
    assert "check_network.py --nodes 2 --gpus 8" in check and "jobs/run.py" in recipe
    [gpus] = [group for group in cluster_of(job)["workerGroupSpecs"] if group["groupName"] == "gpu-h100-8"]
    resources = gpus["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"]["rdma/hca"] == resources["requests"]["rdma/hca"] == "1"
    assert "NCCL_SOCKET_IFNAME" in environment_of("job-rdma")


def test_a_queued_job_waits_suspended_with_the_label_of_its_queue() -> None:
    [job] = of_kind("job-kueue", "RayJob")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
    assert job["spec"]["suspend"] and job["spec"]["shutdownAfterJobFinishes"]


def test_the_service_serves_what_student_yaml_says_and_takes_a_second_application() -> None:
    [service] = of_kind("serve", "RayService")
    served = yaml.safe_load(service["spec"]["serveConfigV2"])
    assert served == yaml.safe_load((ROOT / "cluster" / "serve" / "student.yaml").read_text("utf-8"))
    [application] = served["applications"]
    assert application["name"] and application["route_prefix"]
    settings = ServeSettings.model_validate(application["args"])
    assert settings.models[0].source.startswith(environment_of("serve")["RUNS"] + "/")


def test_weights_are_fetched_by_a_job_that_may_ask_the_hub() -> None:
    [job] = of_kind("job-s3", "Job")
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert {"name": "HF_HUB_OFFLINE", "value": "0"} in container["env"]
    assert 'hf download "$model"' in container["command"][-1] and environment_of("job-s3")["MODELS"]


def test_prometheus_is_told_of_every_port_of_metrics() -> None:
    monitors = {document["metadata"]["name"]: document["spec"] for document in of_kind("cluster-s3", "PodMonitor")}
    assert {monitor["selector"]["matchLabels"]["ray.io/node-type"] for monitor in monitors.values()} == {
        "head",
        "worker",
    }
    [cluster] = clusters("cluster-s3")
    head, *nodes = ({port["name"] for port in pod["spec"]["containers"][0]["ports"]} for pod in pods(cluster))
    for name, ports in (("distilray-head", head), *(("distilray-workers", ports) for ports in nodes)):
        asked = {endpoint["port"] for endpoint in monitors[name]["podMetricsEndpoints"]}
        assert "metrics" in asked and asked <= ports
    [dashboard] = [
        one for one in of_kind("cluster-s3", "ConfigMap") if one["metadata"]["name"] == "distilray-dashboard"
    ]
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_gates_that_are_off_by_default_are_named_where_they_are_needed() -> None:
    def text(place: str) -> str:
        return (ROOT / "cluster" / place / "kustomization.yaml").read_text("utf-8")

    assert "feature gate" in text("components/nightly") and "RayCronJob" in text("components/nightly")
    assert "feature gate" in text("overlays/nightly") and "feature gate" in text("components/network-policy")
    assert "feature gate" in text("components/monitoring") and "feature gate" in text("overlays/job-kueue")


def test_the_page_lists_the_overlays_and_the_components() -> None:
    page = (ROOT / "cluster" / "README.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    listed = {name for line in rows for name in re.findall(r"`([\w-]+)`", line.split("|")[1])}
    assert set(OVERLAYS) <= listed
    components = {path.parent.name for path in (ROOT / "cluster" / "components").glob("*/kustomization.yaml")}
    [described] = [line for line in rows if line.startswith("| `components/`")]
    assert components <= set(re.findall(r"`([\w-]+)`", described))
