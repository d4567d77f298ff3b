"""The jobs of a recipe: its run, the fetching of its weights, and a nightly evaluation of its student."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distilray.checkpoints import is_local
from distilray.evaluate import Published
from distilray.kuberay.manifests.clusters import API, DRIVER
from distilray.kuberay.manifests.demands import trained
from distilray.kuberay.manifests.pods import (
    KEYS,
    RECIPE,
    WEIGHTS,
    Manifest,
    Objects,
    claimed,
    metadata,
    plain_pod,
    resources,
)
from distilray.kuberay.manifests.settings import CannotRender
from distilray.kuberay.manifests.storage import below
from distilray.models import ClassifierModel, VLLMModel
from distilray.recipe import Recipe

KEPT_S = 3600
"""For which an ended job's cluster stays, so that its logs can be read."""
QUEUE = "kueue.x-k8s.io/queue-name"
NIGHTLY_HOURS = 12


def run_command(run: str, overrides: Sequence[str]) -> str:
    """The entrypoint of a run. The submitter's shell takes it apart, and Ray quotes what it gets for the job's."""
    return shlex.join(["distilray", "run", f"{RECIPE}/recipe.yaml", "--run", run, *overrides])


def ray_job(
    objects: Objects, cluster: Manifest, entrypoint: str, deadline: int, start_s: int, retries: int, queue: str | None
) -> Manifest:
    """A run on a cluster of its own. A retry makes a fresh cluster and goes on with the run directory."""
    about = metadata(objects)
    if queue is not None:
        about["labels"] = {**about["labels"], QUEUE: queue}
    spec = job_spec(objects, cluster, entrypoint, deadline, start_s, retries)
    if queue is not None:
        spec = {"suspend": True, **spec}  # Kueue takes it away when there is room
    return {"apiVersion": API, "kind": "RayJob", "metadata": about, "spec": spec}


def job_spec(
    objects: Objects, cluster: Manifest, entrypoint: str, deadline: int, start_s: int, retries: int
) -> Manifest:
    submitter = {"name": "ray-job-submitter", "image": objects.image, "resources": resources(1, 1)}
    return {
        "entrypoint": entrypoint,
        "entrypointNumCpus": 1,
        "entrypointResources": json.dumps({DRIVER: 1}),
        "metadata": {"recipe": objects.name, "run": objects.run},
        "submissionMode": "K8sJobMode",
        "backoffLimit": retries,
        "preRunningDeadlineSeconds": start_s,
        "activeDeadlineSeconds": deadline,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": KEPT_S,
        "submitterPodTemplate": plain_pod(objects, submitter),
        "rayClusterSpec": cluster,
    }


def ray_cron_job(
    objects: Objects, cluster: Manifest, entrypoint: str, start_s: int, schedule: str, time_zone: str
) -> Manifest:
    """An evaluation on a schedule, each time on a cluster of its own."""
    template = job_spec(objects, cluster, entrypoint, NIGHTLY_HOURS * 3600, start_s, 1)
    spec = {"schedule": schedule, "timeZone": time_zone, "jobTemplate": template}
    return {"apiVersion": API, "kind": "RayCronJob", "metadata": metadata(objects, "nightly"), "spec": spec}


def evaluation_command(recipe: Recipe, run: str) -> str:
    """The entrypoint of an evaluation of the run's newest student on the recipe's published benchmarks, with a
    directory a day. Raises :class:`CannotRender` where there is nothing to evaluate, or no judge that a command names.
    """
    students, asked = trained(recipe), [one for one in recipe.evaluate if isinstance(one, Published)]
    if not students or not asked:
        missing = "trains no student that answers" if not students else "evaluates on no published benchmark"
        raise CannotRender(f"--nightly: {recipe.origin} {missing}; add it to the recipe, or leave --nightly out")
    settings = _settings_of("student", recipe.models[students[-1].settings.student])
    judges = sorted({one.judge for one in asked if one.judge})
    if len(judges) > 1:
        raise CannotRender(
            f"--nightly: the benchmarks of {recipe.origin} are judged by {' and '.join(judges)}, and an evaluation has "
            "one judge; let one judge them all, or leave --nightly out"
        )
    words = ["distilray", "evaluate", f"student={run}", "--benchmarks", ",".join(one.published for one in asked)]
    for name in judges:
        judge = recipe.models[name]
        if not isinstance(judge, VLLMModel):
            raise CannotRender(f"--nightly: the judge {name!r} is no checkpoint; judge by one, or leave --nightly out")
        words += ["--judge", judge.path]
        settings |= _settings_of("judge", judge)
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    # The submitter's shell fills in the day, after a quoted beginning and before a quoted end.
    before, after = below(run, "nightly/@").split("@")
    return f"{shlex.join([*words, '--run', before])}$(date +%F){shlex.quote(after) if after else ''}"


def _settings_of(name: str, model: Any) -> dict[str, Any]:
    """Where a model runs, as ``--set`` takes it."""
    given = {"gpus": model.gpus, "cpus": model.cpus}
    if isinstance(model, VLLMModel):
        given |= {"tensor_parallel": model.tensor_parallel, "pipeline_parallel": model.pipeline_parallel}
        given |= {"max_model_len": model.max_model_len}
    given |= {"accelerator_type": model.accelerator_type}
    return {f"{name}.{key}": _number(value) for key, value in given.items() if value is not None}


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def hub_models(recipe: Recipe) -> list[tuple[str, str | None]]:
    """Checkpoints of the hub that the recipe asks for, with their revisions."""
    models: Mapping[str, Any] = recipe.models
    with_weights = [model for model in models.values() if isinstance(model, VLLMModel | ClassifierModel)]
    found = {(model.path, getattr(model, "revision", None)) for model in with_weights if not is_local(model.path)}
    return sorted(found, key=str)


def prefetch_job(objects: Objects, models: Iterable[tuple[str, str | None]]) -> Manifest:
    """Fetches checkpoints of the hub onto the volume of weights, once for all nodes."""
    lines = [
        shlex.join(["hf", "download", path, *(["--revision", revision] if revision else [])])
        for path, revision in models
    ]
    container: Manifest = {
        "name": "fetch",
        "image": objects.image,
        "command": ["bash", "-ec", "\n".join(lines) + "\n"],
        "env": [{"name": "HF_HOME", "value": f"{WEIGHTS}/huggingface"}],
        "envFrom": [{"secretRef": {"name": KEYS, "optional": True}}],
        "resources": resources(2, 8),
        "volumeMounts": [{"name": "weights", "mountPath": WEIGHTS}, {"name": "scratch", "mountPath": "/tmp"}],
    }
    volumes = [claimed(objects, "weights"), {"name": "scratch", "emptyDir": {}}]
    spec = {"backoffLimit": 10, "template": plain_pod(objects, container, volumes)}  # what is fetched stays
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(objects, "weights"), "spec": spec}
