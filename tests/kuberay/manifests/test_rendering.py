"""Recipes as manifests: every shipped one passes all checks, and what the manifests say follows from the recipe."""

from __future__ import annotations

import json
import re
import shlex
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from distilray.kuberay import (
    CannotRender,
    Document,
    Rendered,
    RenderSettings,
    check_documents,
    parse_gates,
    render,
)
from distilray.recipe import RecipeError
from distilray.serve import ServeSettings
from tests.support import echo_recipe
from tests.support.kuberay import schemas
from tests.support.paths import RECIPES

SHIPPED = sorted(path.stem for path in RECIPES.glob("*.yaml"))
BOX, DS3 = "answer-and-sft", "distilqwen2_5_ds3"
S3 = "s3://bucket/runs/first"
NIGHTLY = "0 2 * * *"


@lru_cache
def rendered(name: str, settings: RenderSettings = RenderSettings()) -> Rendered:  # noqa: B008  (frozen)
    return render(str(RECIPES / f"{name}.yaml"), settings)


def manifest(found: Rendered, path: str) -> dict[str, Any]:
    return yaml.safe_load(found.files[path])


def documents(found: Rendered) -> list[Document]:
    files = {path: text for path, text in found.files.items() if path.endswith(".yaml")}
    return [Document(path, yaml.safe_load(text)) for path, text in files.items() if "kustomization" not in path]


def groups(found: Rendered) -> dict[str, dict[str, Any]]:
    job = manifest(found, "run/rayjob.yaml")["spec"]["rayClusterSpec"]
    return {group["groupName"]: group for group in job["workerGroupSpecs"]}


def container(group: dict[str, Any]) -> dict[str, Any]:
    return group["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("settings", [RenderSettings(), RenderSettings(run=S3, queue="gpus")], ids=["volume", "queue"])
def test_a_shipped_recipe_gives_manifests_that_the_operator_takes(name: str, settings: RenderSettings) -> None:
    found = check_documents(documents(rendered(name, settings)))
    assert found.refusals == ()
    assert [title.partition(" ")[0] for title in found.checked] == ["RayJob", "RayCluster", "RayService"]


@pytest.mark.parametrize("name", SHIPPED)
def test_they_fit_the_crds_strictly(name: str) -> None:
    assert check_documents(documents(rendered(name)), schemas=schemas()).refusals == ()


def test_so_does_a_nightly_evaluation() -> None:
    found = rendered(BOX, RenderSettings(nightly=NIGHTLY))
    assert "nightly/raycronjob.yaml" in found.files
    checked = check_documents(documents(found), parse_gates(["RayCronJob"]), schemas())
    assert checked.refusals == () and len(checked.checked) == 4


def test_the_same_recipe_gives_the_same_bytes() -> None:
    again = render(str(RECIPES / f"{BOX}.yaml"), RenderSettings())
    assert again.files == rendered(BOX).files


def test_the_recipe_travels_as_it_is_written() -> None:
    text = (RECIPES / f"{BOX}.yaml").read_text("utf-8")
    assert manifest(rendered(BOX), "storage/recipe.yaml")["data"] == {"recipe.yaml": text}


def test_nodes_with_gpus_are_brought_when_they_are_asked_for() -> None:
    found = groups(rendered(BOX))
    assert list(found) == ["cpu", "gpu-8"]
    gpus = found["gpu-8"]
    assert (gpus["minReplicas"], gpus["maxReplicas"]) == (0, 2)  # eight students beside the judge of their answers
    limits = container(gpus)["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "8" and int(limits["cpu"]) >= 32
    assert container(gpus)["resources"]["requests"] == limits
    spec = gpus["template"]["spec"]
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    [shm] = [volume for volume in spec["volumes"] if volume["name"] == "shm"]
    assert shm["emptyDir"]["medium"] == "Memory"
    cluster = manifest(rendered(BOX), "run/rayjob.yaml")["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True and cluster["autoscalerOptions"]["version"] == "v2"
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_a_teacher_on_two_nodes_needs_two() -> None:
    assert groups(rendered(DS3))["gpu-8"]["maxReplicas"] == 2


def test_drivers_are_told_which_nodes_may_join() -> None:
    found = groups(rendered(BOX))
    variables = {entry["name"]: entry.get("value") for entry in container(found["cpu"])["env"]}
    nodes = json.loads(variables["DISTILRAY_MAY_JOIN"])
    assert [(node["count"], node["gpus"]) for node in nodes if node["gpus"]] == [(2, 8)]
    assert "DISTILRAY_MAY_JOIN" not in {entry["name"] for entry in container(found["gpu-8"])["env"]}


def test_the_driver_runs_on_a_node_for_cpu_work() -> None:
    job = manifest(rendered(BOX), "run/rayjob.yaml")["spec"]
    assert (job["entrypointNumCpus"], job["entrypointResources"]) == (1, '{"driver": 1}')
    assert [name for name, group in groups(rendered(BOX)).items() if "driver" in group.get("resources", {})] == ["cpu"]
    assert job["backoffLimit"] == 3 and job["shutdownAfterJobFinishes"] is True


def test_a_run_is_on_a_volume_or_in_an_object_store() -> None:
    volume, bucket = rendered(BOX), rendered(BOX, RenderSettings(run=S3))
    assert "--run /runs/answer-and-sft" in manifest(volume, "run/rayjob.yaml")["spec"]["entrypoint"]
    assert f"--run {S3}" in manifest(bucket, "run/rayjob.yaml")["spec"]["entrypoint"]
    claim = manifest(volume, "storage/runs.yaml")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container(groups(volume)["cpu"])["volumeMounts"]}
    assert mounted["runs"] == "/runs" and container(groups(volume)["cpu"])["workingDir"] == "/runs"
    assert "storage/runs.yaml" not in bucket.files
    assert "runs" not in {mount["name"] for mount in container(groups(bucket)["cpu"])["volumeMounts"]}


def test_weights_of_the_hub_are_fetched_once() -> None:
    job = manifest(rendered(BOX), "storage/prefetch.yaml")
    [fetch] = job["spec"]["template"]["spec"]["containers"]
    assert fetch["command"] == [
        "bash", "-ec", "hf download Qwen/Qwen2.5-72B-Instruct\nhf download Qwen/Qwen2.5-7B-Instruct\n",
    ]  # fmt: skip
    assert "storage/prefetch.yaml" not in rendered("quickstart").files  # its models are in the package


def test_keys_are_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIG_KEY", "sk-not-to-be-written")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "models: {teacher: {kind: openai, base_url: 'https://api.example/v1', model: m, api_key_env: BIG_KEY}}\n"
        "sources: [{name: rows, path: rows.jsonl}]\nsteps: [{answer: {model: teacher}}]\n"
    )
    found = render(str(recipe), RenderSettings())
    assert not any("sk-not-to-be-written" in text for text in found.files.values())
    entries = {entry["name"]: entry for entry in container(groups(found)["cpu"])["env"]}
    assert entries["BIG_KEY"]["valueFrom"] == {"secretKeyRef": {"name": "distilray-keys", "key": "BIG_KEY"}}
    assert "kubectl create secret generic distilray-keys --from-literal=BIG_KEY=..." in found.files["README.md"]
    assert "serve/rayservice.yaml" not in found.files  # it trains no student


def test_the_student_is_served_as_it_was_trained() -> None:
    service = manifest(rendered(BOX), "serve/rayservice.yaml")["spec"]
    [application] = yaml.safe_load(service["serveConfigV2"])["applications"]
    settings = ServeSettings.model_validate(application["args"])
    [student] = settings.models
    assert student.source == "/runs/answer-and-sft/training/sft/final"
    assert student.system_prompt == "You are a helpful assistant."
    assert student.engine == {"max_model_len": 4096}
    gpus = [group for group in service["rayClusterConfig"]["workerGroupSpecs"] if group["groupName"] == "gpu-1"]
    assert [(group["minReplicas"], group["maxReplicas"]) for group in gpus] == [(settings.replicas, settings.replicas)]
    [in_bucket] = yaml.safe_load(
        manifest(rendered(BOX, RenderSettings(run=f"{S3}?region=eu")), "serve/rayservice.yaml")["spec"]["serveConfigV2"]
    )["applications"]
    assert in_bucket["args"]["models"][0]["source"] == f"{S3}/training/sft/final?region=eu"


def test_a_queue_of_kueues_starts_a_run_of_fixed_size() -> None:
    job = manifest(rendered(BOX, RenderSettings(queue="gpus")), "run/rayjob.yaml")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert job["spec"]["suspend"] is True
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is False and "autoscalerOptions" not in cluster
    assert all(group["minReplicas"] == group["maxReplicas"] > 0 for group in cluster["workerGroupSpecs"])


def test_a_student_is_evaluated_every_night() -> None:
    job = manifest(rendered(BOX, RenderSettings(nightly=NIGHTLY)), "nightly/raycronjob.yaml")
    assert (job["spec"]["schedule"], job["spec"]["timeZone"]) == (NIGHTLY, "Etc/UTC")
    words = shlex.split(job["spec"]["jobTemplate"]["entrypoint"])
    assert words[:3] == ["distilray", "evaluate", "student=/runs/answer-and-sft"]
    assert words[words.index("--benchmarks") + 1].startswith("alpaca_eval,mt_bench,ifeval")
    assert words[words.index("--judge") + 1] == "Qwen/Qwen2.5-72B-Instruct"
    given = {words[k + 1] for k, word in enumerate(words) if word == "--set"}
    assert {"student.gpus=1", "judge.gpus=4", "judge.tensor_parallel=4"} <= given
    assert words[-2:] == ["/runs/answer-and-sft/nightly/$(date", "+%F)"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (RenderSettings(nightly="0 2 * *"),
         r"nightly/raycronjob.yaml: RayCronJob answer-and-sft-nightly: spec.schedule is 0 2 \* \*: it has 4 fields"),
        (RenderSettings(retries=-1), r"run/rayjob.yaml: .*: spec.backoffLimit is -1: it cannot be negative"),
        (RenderSettings(run="/data/first"), r"--run: '/data/first' is on no volume .*; give a directory below /runs"),
        (RenderSettings(run="s3://key:secret@bucket/x"), r"--run: s3://\*\*\*@bucket/x holds credentials"),
        (RenderSettings(name="Qwen"), "--name: 'Qwen' cannot name objects; use at most 28 lower-case letters"),
        (RenderSettings(machines=("8x",)), "--machines: '8x' is not a machine spec"),
        (RenderSettings(machines=("H100=8x80", "L4=1x24")), "--machines: H100, L4: the recipe asks for none"),
        (RenderSettings(cpu_node="16"), "--cpu-node: '16' is not CPUs x GiB; write for example 16x64"),
        (RenderSettings(selectors=("H100",)), "--node-selector: 'H100' is no label; write KEY=VALUE"),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_said_with_the_remedy(settings: RenderSettings, said: str) -> None:
    with pytest.raises(CannotRender, match=said):
        rendered(BOX, settings)


def test_nothing_to_evaluate_every_night_is_said() -> None:
    with pytest.raises(CannotRender, match="--nightly: .*quickstart.yaml evaluates on no published benchmark; add it"):
        rendered("quickstart", RenderSettings(nightly=NIGHTLY))


def test_machines_for_a_recipe_without_gpus_are_refused() -> None:
    with pytest.raises(CannotRender, match="--machines: the recipe asks for no GPU; set gpus of its models"):
        rendered("quickstart", RenderSettings(machines=("8x80",)))


def test_a_recipe_that_does_not_fit_on_the_machines_is_refused() -> None:
    with pytest.raises(RecipeError, match="cannot fit"):
        rendered(BOX, RenderSettings(machines=("2x2x80",)))
    rendered(BOX, RenderSettings(machines=("8x80",)))  # the judge leaves the student's engines less room


def test_overrides_arrive_as_they_are(tmp_path: Path) -> None:
    overrides = ["sources.rows.columns={instruction: question}", "sources.rows.reference_pattern=(it's .+)$"]
    job = manifest(render(echo_recipe.write(tmp_path), RenderSettings(), overrides), "run/rayjob.yaml")["spec"]
    words = ["distilray", "run", "/etc/distilray/recipe.yaml", "--run", "/runs/echo", *overrides]
    assert shlex.split(job["entrypoint"]) == words


def test_a_student_of_rounds_is_served_from_the_last() -> None:
    service = manifest(rendered("practice_curriculum"), "serve/rayservice.yaml")["spec"]
    [application] = yaml.safe_load(service["serveConfigV2"])["applications"]
    assert re.search(r"/training/\w+-round-\d+/final$", application["args"]["models"][0]["source"])
