"""What a Serve application hosts and how: the ``args`` of ``cluster/serve/student.yaml``, parsed once.

models:
  - {id: student, source: /runs/maths/training/sft/final, system_prompt: "Think step by step."}
replicas: 2
engine: {max_model_len: 4096}
"""

import os
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

API_KEYS_VARIABLE = "DISTILRAY_API_KEYS"
"""Environment variable with the accepted API keys, separated by commas."""

_OWNED_BY_SERVE = {
    "model": "`source` of the model",
    "served_model_name": "`id` of the model",
    "distributed_executor_backend": "nothing: Ray Serve chooses it",
}


def _engine_words(engine: dict[str, Any]) -> dict[str, Any]:
    for name, instead in _OWNED_BY_SERVE.items():
        if name in engine:
            raise ValueError(f"{name!r} cannot be set here; use {instead}")
    return engine


def api_keys_in(environment: Mapping[str, str]) -> list[SecretStr]:
    return [SecretStr(key.strip()) for key in environment.get(API_KEYS_VARIABLE, "").split(",") if key.strip()]


class ServedModel(BaseModel):
    """One checkpoint under one name."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, description="the name that clients send as `model`")
    source: str = Field(min_length=1, description="checkpoint directory, Hugging Face name or package://PACKAGE/DIR")
    system_prompt: str | None = Field(
        default=None, description="system message for conversations without one; as in training"
    )
    template_hash: str | None = Field(
        default=None, description="hash of the chat template that training used; another template refuses to start"
    )
    chat_template_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="variables for the chat template; those of a request go first"
    )
    replicas: int | None = Field(default=None, ge=1, description="copies of this model; the application's by default")
    gpus: float = Field(
        default=1, gt=0, le=1, description="GPUs per worker; below 1, replicas share a GPU and its memory"
    )
    engine: dict[str, Any] = Field(default_factory=dict, description="vLLM engine arguments, over the application's")

    _engine = field_validator("engine")(_engine_words)

    @field_validator("id")
    @classmethod
    def _id_that_routes(cls, model_id: str) -> str:
        # Ray Serve LLM reads ':' as "base model:adapter" and '--' as a slash.
        if ":" in model_id or "--" in model_id:
            raise ValueError(
                f"model id {model_id!r} contains ':' or '--', which Ray Serve gives a meaning; choose another"
            )
        return model_id


class ServeSettings(BaseModel):
    """The whole inference application. Every field can be set under ``args`` of a Serve config file."""

    model_config = ConfigDict(extra="forbid")

    models: list[ServedModel] = Field(min_length=1)
    api_keys: list[SecretStr] = Field(
        default_factory=lambda: api_keys_in(os.environ),
        description=f"accepted keys; without any, the server is open to all. Default: ${API_KEYS_VARIABLE}",
    )
    replicas: int = Field(default=1, ge=1, description="copies of each model")
    ingress_replicas: int = Field(
        default=2, ge=1, description="HTTP front processes; with one, a redeploy stalls requests for seconds"
    )
    max_ongoing_requests: int = Field(default=64, ge=1, description="requests in one replica's engine at once")
    max_queued_requests: int = Field(
        default=128, ge=0, description="requests that wait per ingress replica and model; more get a 503"
    )
    accelerator: Literal["auto", "cpu", "gpu"] = Field(
        default="auto", description="auto: gpu where the cluster has any"
    )
    cpus_per_replica: float = Field(default=1, gt=0, description="CPUs reserved per replica; on CPU also its threads")
    cpu_kv_cache_gib: int = Field(default=1, ge=1, description="KV cache of a replica on CPU, GiB")
    start_attempts: int = Field(
        default=3, ge=1, description="failed starts of a replica until the deployment counts as failed"
    )
    health_check_period_s: float = Field(default=2, gt=0, description="how soon a dead replica is noticed, seconds")
    graceful_shutdown_s: float = Field(default=20, gt=0, description="time for running replies when a replica stops")
    engine: dict[str, Any] = Field(
        default_factory=dict, description="vLLM engine arguments of every model, as vLLM spells them"
    )

    _engine = field_validator("engine")(_engine_words)

    @field_validator("api_keys")
    @classmethod
    def _keys_that_can_be_sent(cls, keys: list[SecretStr]) -> list[SecretStr]:
        for position, key in enumerate(keys):
            value = key.get_secret_value()
            if not value.strip() or not value.isascii() or value != value.strip():
                raise ValueError(f"API key {position} is empty, not ASCII, or has spaces around it; correct it")
        return keys

    @model_validator(mode="after")
    def _one_model_per_id(self) -> "ServeSettings":
        ids = [model.id for model in self.models]
        if twice := sorted({model_id for model_id in ids if ids.count(model_id) > 1}):
            raise ValueError(f"two models share an id: {', '.join(twice)}; rename one")
        return self
