"""The RayService of a recipe's student: an OpenAI-compatible API on nodes of its own."""

from __future__ import annotations

import math
from typing import Any

import yaml

from distilray.kuberay.manifests.clusters import API, cluster_spec
from distilray.kuberay.manifests.demands import trained
from distilray.kuberay.manifests.pods import Manifest, Objects, metadata
from distilray.kuberay.manifests.sizing import CPU, SCRATCH_GIB, NodeGroup, object_name
from distilray.kuberay.manifests.storage import below
from distilray.models import VLLMModel
from distilray.recipe import Recipe, RepeatEntry, TrainEntry
from distilray.serve import ServeSettings

REPLICAS = 2
CPUS_PER_REPLICA, GIB_PER_REPLICA = 4, 32
START = "1h"
"""In which the student has to answer for the first time: a node is started and an image pulled."""


def ray_service(objects: Objects, recipe: Recipe) -> Manifest | None:
    """The service of the student of the recipe's last training; None where none is trained that answers prompts."""
    students = trained(recipe)
    if not students:
        return None
    settings = students[-1].settings
    model = recipe.models[settings.student]
    assert isinstance(model, VLLMModel)
    about = metadata(objects, "serve")
    about["annotations"] = {"ray.io/initializing-timeout": START}
    source = below(objects.run, f"{_directory(recipe, students[-1])}/final")
    spec = {
        "excludeHeadPodFromServeSvc": True,
        "upgradeStrategy": {"type": "NewCluster"},
        "rayClusterDeletionDelaySeconds": 120,
        "serveConfigV2": serve_config(source, settings.system, model),
        "rayClusterConfig": cluster_spec(objects, groups_of(model), scales=False),
    }
    return {"apiVersion": API, "kind": "RayService", "metadata": about, "spec": spec}


def _directory(recipe: Recipe, training: TrainEntry) -> str:
    """Of the training below the run; one that is repeated has a directory a round, and may end before the last."""
    for entry in recipe.steps:
        if isinstance(entry, RepeatEntry) and training in entry.body:
            return f"{training.directory}-round-{entry.settings.rounds}"
    return training.directory


def serve_config(source: str, system: str | None, model: VLLMModel) -> str:
    """Ray Serve's configuration. A second application beside the student's needs a name and a route of its own."""
    engine: dict[str, Any] = {} if model.dtype == "auto" else {"dtype": model.dtype}
    engine |= {} if model.max_model_len is None else {"max_model_len": model.max_model_len}
    served = {"id": "student", "source": source, "system_prompt": system, "engine": engine}
    served["chat_template_kwargs"] = model.chat_template_kwargs
    args: dict[str, Any] = {
        "models": [served],
        "replicas": REPLICAS,
        "ingress_replicas": 2,
        "max_ongoing_requests": min(64, model.max_num_seqs),
        "max_queued_requests": 128,
        "accelerator": "gpu" if model.gpus else "cpu",
        "cpus_per_replica": 1,
    }
    if model.gpus:
        args["engine"] = {"tensor_parallel_size": model.tensor_parallel, "gpu_memory_utilization": 0.9}
    ServeSettings.model_validate({**args, "api_keys": []})
    application = {"name": "students", "route_prefix": "/", "import_path": "distilray.serve.inference.app:build"}
    http = {"host": "0.0.0.0", "port": 8000, "request_timeout_s": 600, "keep_alive_timeout_s": 90}
    config = {"proxy_location": "EveryNode", "http_options": http, "applications": [{**application, "args": args}]}
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=110)


def groups_of(model: VLLMModel) -> list[NodeGroup]:
    """Nodes for two replicas, each on one, and one for what needs no GPU."""
    rest = NodeGroup(CPU, CPUS_PER_REPLICA, 16, SCRATCH_GIB, least=1, most=1)
    if not model.gpus:
        cpus = max(CPUS_PER_REPLICA, math.ceil(model.cpus) * REPLICAS + 1)
        return [NodeGroup(CPU, cpus, GIB_PER_REPLICA, SCRATCH_GIB, least=1, most=1)]
    gpus, kind = model.tensor_parallel, model.accelerator_type or ""
    name = f"gpu-{object_name(kind) + '-' if kind else ''}{gpus}"
    memory, cpus = GIB_PER_REPLICA * gpus, CPUS_PER_REPLICA * gpus
    return [rest, NodeGroup(name, cpus, memory, SCRATCH_GIB, REPLICAS, REPLICAS, gpus, kind)]
