"""The inference application, as Ray Serve builds it from a config file or ``distilray serve`` from a run.

    applications:
      - {name: students, route_prefix: /, import_path: "distilray.serve.inference.app:build", args: {models: [...]}}

One deployment per model behind one ingress. ``build`` is imported by its path, since ``serve run`` and ``serve
deploy`` support nothing else: an exception to the package's front door (see pyproject.toml).
"""

import time
from typing import Any

import ray
from ray import serve
from ray.serve import Application
from ray.serve.llm import LLMConfig, build_llm_deployment

from distilray.checkpoints import local_config
from distilray.models import VLLM_ON_CPUS
from distilray.serve.inference.ingress import ModelCard, ingress_class
from distilray.serve.inference.server import StudentServer
from distilray.serve.settings import ServedModel, ServeSettings

APPLICATION = "students"


def build(args: dict[str, Any]) -> Application:
    """The application for ``args`` (see :class:`ServeSettings`); raises pydantic's ValidationError."""
    settings = ServeSettings.model_validate(args)
    keys = [key.get_secret_value() for key in settings.api_keys]
    accelerator = _accelerator(settings)
    models = {model.id: _model_deployment(model, settings, accelerator) for model in settings.models}
    ingress = serve.deployment(
        ingress_class(keys),
        name="ingress",
        num_replicas=settings.ingress_replicas,
        # The ingress only forwards; the limits that protect an engine are in front of each model.
        max_ongoing_requests=10_000,
        ray_actor_options={"num_cpus": 0},
    )
    return ingress.bind(models, {model.id: model_card(model, settings) for model in settings.models})


def llm_config(model: ServedModel, settings: ServeSettings, accelerator: str) -> LLMConfig:
    """``model`` in Ray Serve LLM's terms, for replicas on ``accelerator`` ("cpu" or "gpu")."""
    engine: dict[str, Any] = {"max_num_seqs": settings.max_ongoing_requests}
    variables = {"VLLM_NO_USAGE_STATS": "1", "RAY_worker_niceness": "0"}
    if accelerator == "cpu":
        engine |= {"enforce_eager": True}
        variables |= VLLM_ON_CPUS | {"VLLM_CPU_KVCACHE_SPACE": str(settings.cpu_kv_cache_gib)}
        placement = {"bundles": [{"CPU": 0}]}
    elif model.gpus < 1:
        engine |= {"gpu_memory_utilization": round(0.9 * model.gpus, 3)}
        placement = {"bundle_per_worker": {"GPU": model.gpus}}
    else:
        placement = None
    return LLMConfig.model_validate(
        {
            "model_loading_config": {"model_id": model.id, "model_source": model.source},
            "accelerator_config": {"kind": accelerator},
            "placement_group_config": placement,
            "engine_kwargs": {**engine, **settings.engine, **model.engine},
            "runtime_env": {"env_vars": variables},
            # Ray Serve LLM collects tokens for 50 ms before it sends them; the first token would wait for them too.
            "experimental_configs": {"stream_batching_interval_ms": 0},
            "deployment_config": {
                "num_replicas": model.replicas or settings.replicas,
                "max_ongoing_requests": settings.max_ongoing_requests,
                "max_queued_requests": settings.max_queued_requests,
                "health_check_period_s": settings.health_check_period_s,
                "max_constructor_retry_count": settings.start_attempts,
                "graceful_shutdown_timeout_s": settings.graceful_shutdown_s,
                "ray_actor_options": {"num_cpus": settings.cpus_per_replica},
            },
        }
    )


def model_card(model: ServedModel, settings: ServeSettings) -> ModelCard:
    """The entry of GET /v1/models for ``model``."""
    return {
        "id": model.id,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "distilray",
        "root": model.source,
        "max_model_len": model.engine.get("max_model_len", settings.engine.get("max_model_len", _context(model))),
        "metadata": {"system_prompt": model.system_prompt, "template_hash": model.template_hash},
    }


def _model_deployment(model: ServedModel, settings: ServeSettings, accelerator: str) -> Application:
    return build_llm_deployment(
        llm_config(model, settings, accelerator),
        # Fixed, instead of Ray Serve LLM's class name: see StudentServer.
        name_prefix="model:",
        bind_kwargs={
            "system_prompt": model.system_prompt,
            "template_hash": model.template_hash,
            "chat_template_kwargs": model.chat_template_kwargs,
        },
        deployment_cls=StudentServer,
    )


def _context(model: ServedModel) -> int | None:
    """Tokens of the context according to the checkpoint; None where it is not on this machine."""
    if "://" in model.source and not model.source.startswith("package://"):
        return None  # only replicas fetch weights
    config = local_config(model.source)
    return config.get("max_position_embeddings") if config else None


def _accelerator(settings: ServeSettings) -> str:
    if settings.accelerator != "auto":
        return settings.accelerator
    return "gpu" if ray.cluster_resources().get("GPU", 0) >= 1 else "cpu"
