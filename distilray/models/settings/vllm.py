"""Settings of models that run in our own vLLM engines.

models:
  teacher: {path: Qwen/Qwen2.5-32B-Instruct, replicas: 2, tensor_parallel: 4, gpus: 4}
"""

from __future__ import annotations

import difflib
import logging
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from distilray.checkpoints import check_checkpoint, checkpoint_id, refuse_classifier
from distilray.models.settings.base import CheckpointPath, GenerativeModel

# Arguments of vLLM that these settings already decide.
_DECIDED = {
    "model": "path",
    "served_model_name": "served_name",
    "tensor_parallel_size": "tensor_parallel",
    "pipeline_parallel_size": "pipeline_parallel",
    "max_num_seqs": "max_num_seqs",
    "max_num_batched_tokens": "max_num_batched_tokens",
    "max_model_len": "max_model_len",
    "dtype": "dtype",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "kv_cache_memory_bytes": "kv_cache_gib",
    "speculative_config": "speculation",
    "revision": "revision",
}


def _engine_settings() -> dict[str, Any]:
    """The fields of vLLM's AsyncEngineArgs. What vLLM logs about its own import is no news about a recipe."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs  # seconds to import: only where it is needed
    finally:
        logging.disable(before)
    return AsyncEngineArgs.__dataclass_fields__


ONLY_GREEDY = (
    "vLLM's CPU build checks drafts with a temperature, top_p and top_k that it never filled in, so sampled replies "
    "are random or the engine dies of an index out of bounds. Set speculation: null, sampling.temperature: 0, or gpus"
)
"""vLLM 0.29: ``expand_kernel`` in utils/cpu_triton_utils.py writes into a copy unless its arguments are int64."""


class Speculation(BaseModel):
    """Draft tokens from n-grams of the prompt: for models whose reply repeats much of it, such as rewriters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["ngram"] = Field(default="ngram", description="where drafts come from")
    num_speculative_tokens: int = Field(default=4, ge=1, description="tokens drafted at a time")
    prompt_lookup_max: int = Field(default=4, ge=1, description="longest n-gram that is looked up")
    prompt_lookup_min: int = Field(default=2, ge=1, description="shortest n-gram that is looked up")


class VLLMModel(GenerativeModel):
    """A model served by our own vLLM engines."""

    engine_class: ClassVar = "distilray.models.engines.vllm:VLLMEngine"

    kind: Literal["vllm"] = Field(default="vllm", description="vLLM engines on Ray actors")
    path: CheckpointPath = Field(description="checkpoint: a directory, a Hugging Face name, or package://PACKAGE/DIR")
    revision: str | None = Field(default=None, description="revision of a Hugging Face name")
    served_name: str | None = Field(default=None, description="the name under which it is served; default: the path")
    tensor_parallel: int = Field(default=1, ge=1, description="devices that share each layer of one engine")
    pipeline_parallel: int = Field(default=1, ge=1, description="stages of one engine, which may be on several nodes")
    gpus: float = Field(
        default=0, ge=0, description="GPUs of one engine: 0 on CPU, a fraction to share one, else TP x PP"
    )
    cpus: float = Field(default=1, gt=0, description="CPUs reserved for one engine")
    threads: int | None = Field(
        default=None, ge=1, description="compute threads of an engine on CPU; default: cpus, rounded"
    )
    max_num_seqs: int = Field(default=256, ge=1, description="sequences an engine works on at once")
    max_num_batched_tokens: int | None = Field(
        default=None,
        ge=1,
        description="tokens of prompts and replies that an engine works on in one step; default on GPUs: 16384 from "
        "70 GiB on (A100: 8192), else 8192; on CPUs: max_model_len, at least 8192",
    )
    max_model_len: int | None = Field(
        default=None, ge=16, description="tokens of prompt and reply; default: the checkpoint's"
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(default="auto", description="type of the weights")
    kv_cache_gib: float | None = Field(
        default=None,
        gt=0,
        description="GiB of key-value cache; default on CPU: 1, on GPUs what is left, measured; engines that share a "
        "GPU start one by one without it",
    )
    gpu_memory_utilization: float | None = Field(
        default=None, gt=0, le=1, description="share of a GPU's memory to use; default: 0.9 of the engine's share of it"
    )
    request_timeout_s: float = Field(
        default=600,
        gt=0,
        description="seconds without any token from an engine that has requests, after which it has hung and is "
        "started again; a reply may take, and a request wait, as long as tokens come",
    )
    engine: dict[str, Any] = Field(default={}, description="further settings of vLLM's AsyncEngineArgs, passed through")
    system: str | None = Field(default=None, description="system message for conversations without one")
    chat_template_kwargs: dict[str, Any] = Field(default={}, description="variables for the chat template")
    speculation: Speculation | None = Field(
        default=None, description="n-gram speculation, for models that mostly copy; greedy alone on CPUs"
    )

    @field_validator("engine")
    @classmethod
    def _known_engine_settings(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not value:
            return value
        known = _engine_settings()
        for key in value:
            if key in _DECIDED:
                raise ValueError(f"engine.{key}: set the model's `{_DECIDED[key]}` instead")
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
                raise ValueError(f"engine.{key} is not a setting of vLLM's engine; the closest is {near}")
        return value

    @model_validator(mode="after")
    def _devices_fit(self) -> VLLMModel:
        if self.gpus and self.gpus != self.world_size and not (self.gpus < 1 and self.world_size == 1):
            raise ValueError(
                f"gpus is {self.gpus:g}, but tensor_parallel x pipeline_parallel is {self.world_size}: "
                f"give gpus: {self.world_size}, or a fraction with both at 1"
            )
        if 0 < self.gpus < 1 and self.memory_share > self.gpus:
            raise ValueError(
                f"gpu_memory_utilization is {self.memory_share:g}, but the engine has only {self.gpus:g} of a GPU"
            )
        return self

    @model_validator(mode="after")
    def _drafts_are_greedy_on_cpus(self) -> VLLMModel:
        if self.drafts_are_greedy and self.sampling.temperature > 0:
            raise ValueError(
                f"speculation with sampling.temperature {self.sampling.temperature:g} on CPUs: {ONLY_GREEDY}"
            )
        return self

    @property
    def drafts_are_greedy(self) -> bool:
        """Whether its engines check drafts only of greedy replies correctly; see ``ONLY_GREEDY``."""
        return self.speculation is not None and not self.gpus

    @property
    def world_size(self) -> int:
        return self.tensor_parallel * self.pipeline_parallel

    @property
    def memory_share(self) -> float:
        return self.gpu_memory_utilization or 0.9 * (min(self.gpus, 1) or 1)

    @property
    def requests_per_engine(self) -> int:
        return self.max_num_seqs

    def bundles(self) -> list[dict[str, float]]:
        """A pipeline over GPUs gets a bundle per worker, so its stages can be on several nodes; all else is one."""
        if self.spread:
            return [{"CPU": self.cpus if rank == 0 else 1, "GPU": 1} for rank in range(self.world_size)]
        return [{"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}]

    @property
    def starts_alone(self) -> bool:
        """vLLM takes what it finds allocated on the GPU for its own, other engines' memory included."""
        return 0 < self.gpus < 1 and self.kv_cache_gib is None

    @property
    def spread(self) -> bool:
        return self.pipeline_parallel > 1 and self.gpus > 0

    def scoring(self, top_k: int) -> VLLMModel:
        """These settings for an engine that may be asked for ``top_k`` log-probabilities per token (vLLM's default: at
        most 20)."""
        most = max(top_k, self.engine.get("max_logprobs", 20))
        return self.model_copy(update={"engine": {**self.engine, "max_logprobs": most}})

    def weights_id(self) -> str:
        """Hash of what determines replies apart from messages, sampling and seed; 32 hex digits."""
        return self._identity(
            weights=checkpoint_id(self.path, self.revision),
            dtype=self.dtype,
            max_model_len=self.max_model_len,
            system=self.system,
            chat_template_kwargs=self.chat_template_kwargs,
            engine=self.engine,
        )

    def check(self) -> None:
        """Raise :class:`~distilray.checkpoints.NotACheckpoint` where the path cannot be loaded."""
        refuse_classifier(self.path)
        check_checkpoint(self.path, chat="chat_template" not in self.chat_template_kwargs)
