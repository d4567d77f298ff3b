"""The models a recipe names, each kind with its settings:

models:
  teacher: {path: Qwen/Qwen2.5-32B-Instruct, replicas: 2, tensor_parallel: 4, gpus: 4}
  judge:   {kind: openai, base_url: https://api.example/v1, model: big-1, api_key_env: BIG_KEY, concurrency: 64}
  tasks:   {kind: classifier, path: runs/tasks/training/classify/final, replicas: 4}
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from distilray.checkpoints import check_checkpoint, checkpoint_id
from distilray.models.api import Sampling
from distilray.models.labelling import check_classifier, refuse_classifier

# What these settings already decide: passing it through as well would have two masters.
_DECIDED = {
    "model": "path",
    "served_model_name": "served_name",
    "tensor_parallel_size": "tensor_parallel",
    "pipeline_parallel_size": "pipeline_parallel",
    "max_num_seqs": "max_num_seqs",
    "max_model_len": "max_model_len",
    "dtype": "dtype",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "kv_cache_memory_bytes": "kv_cache_gib",
    "speculative_config": "speculation",
    "revision": "revision",
}


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def _identity(self, **parts: Any) -> str:
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Price(_Settings):
    """What tokens cost, in any one currency."""

    input: float = Field(ge=0, description="per million prompt tokens")
    output: float = Field(ge=0, description="per million reply tokens")

    def of(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.input + tokens_out * self.output) / 1e6


class Speculation(_Settings):
    """Draft tokens from n-grams of the prompt: for models whose reply repeats much of it, such as rewriters."""

    method: Literal["ngram"] = Field(default="ngram", description="where drafts come from")
    num_speculative_tokens: int = Field(default=4, ge=1, description="tokens drafted at a time")
    prompt_lookup_max: int = Field(default=4, ge=1, description="longest n-gram that is looked up")
    prompt_lookup_min: int = Field(default=2, ge=1, description="shortest n-gram that is looked up")


class VLLMModel(_Settings):
    """Weights that vLLM engines of ours answer from."""

    kind: Literal["vllm"] = Field(default="vllm", description="vLLM engines on Ray actors")
    path: str = Field(description="checkpoint: a directory, a Hugging Face name, or package://PACKAGE/DIR")
    revision: str | None = Field(default=None, description="revision of a Hugging Face name")
    served_name: str | None = Field(default=None, description="the name under which it is served; default: the path")
    replicas: int = Field(default=1, ge=1, description="engines")
    tensor_parallel: int = Field(default=1, ge=1, description="devices that share each layer of one engine")
    pipeline_parallel: int = Field(default=1, ge=1, description="stages of one engine; they may lie on several nodes")
    gpus: float = Field(
        default=0, ge=0, description="GPUs of one engine: 0 on CPU, a fraction to share one, else TP x PP"
    )
    cpus: float = Field(default=1, gt=0, description="CPUs reserved for one engine")
    threads: int | None = Field(
        default=None, ge=1, description="compute threads of an engine on CPU; default: cpus, rounded"
    )
    max_num_seqs: int = Field(default=256, ge=1, description="sequences an engine works on at once")
    max_model_len: int | None = Field(
        default=None, ge=16, description="tokens of prompt and reply; default: the checkpoint's"
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(default="auto", description="type of the weights")
    kv_cache_gib: float | None = Field(default=None, gt=0, description="GiB of key-value cache; default on CPU: 1")
    gpu_memory_utilization: float | None = Field(
        default=None, gt=0, le=1, description="share of a GPU's memory to use; default: 0.9 of the engine's share of it"
    )
    engine: dict[str, Any] = Field(default={}, description="further settings of vLLM's AsyncEngineArgs, passed through")
    sampling: Sampling = Field(default=Sampling(), description="how it samples where a step says nothing else")
    system: str | None = Field(default=None, description="system message for conversations that bring none")
    chat_template_kwargs: dict[str, Any] = Field(default={}, description="variables for the chat template")
    request_timeout_s: float = Field(default=600, gt=0, description="seconds a request may take, waiting included")
    restarts: int = Field(default=20, ge=0, description="how often a dead engine is started again")
    speculation: Speculation | None = Field(default=None, description="n-gram speculation, for models that mostly copy")
    price: Price | None = Field(default=None, description="what its tokens cost you, for budgets in money")

    @field_validator("engine")
    @classmethod
    def _known_engine_settings(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not value:
            return value
        from vllm.engine.arg_utils import AsyncEngineArgs  # seconds to import: only where it is needed

        known = AsyncEngineArgs.__dataclass_fields__
        for key in value:
            if key in _DECIDED:
                raise ValueError(f"engine.{key}: set `{_DECIDED[key]}` beside `engine` instead")
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

    @property
    def world_size(self) -> int:
        return self.tensor_parallel * self.pipeline_parallel

    @property
    def memory_share(self) -> float:
        return self.gpu_memory_utilization or 0.9 * (min(self.gpus, 1) or 1)

    @property
    def concurrency(self) -> int:
        """Requests that one engine works on at once."""
        return self.max_num_seqs

    def bundles(self) -> list[dict[str, float]]:
        """What one engine reserves, a bundle per piece that must lie on one node.

        A pipeline over GPUs gets a bundle per worker, so that its stages can lie on several nodes; all else is one.
        """
        if self.spread:
            return [{"CPU": self.cpus if rank == 0 else 1, "GPU": 1} for rank in range(self.world_size)]
        return [{"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}]

    @property
    def spread(self) -> bool:
        """Whether the engine's workers are Ray actors of their own, on any nodes."""
        return self.pipeline_parallel > 1 and self.gpus > 0

    def scoring(self, top_k: int) -> VLLMModel:
        """These settings for an engine that may be asked for ``top_k`` log-probabilities a token (vLLM: 20 at most,
        unless it is told)."""
        most = max(top_k, self.engine.get("max_logprobs", 20))
        return self.model_copy(update={"engine": {**self.engine, "max_logprobs": most}})

    def weights_id(self) -> str:
        """Hash of what decides replies besides messages, sampling and seed; 32 hex digits."""
        return self._identity(
            weights=checkpoint_id(self.path, self.revision),
            dtype=self.dtype,
            max_model_len=self.max_model_len,
            system=self.system,
            chat_template_kwargs=self.chat_template_kwargs,
            engine=self.engine,
        )

    def check(self) -> None:
        """Raise :class:`~distilray.checkpoints.identity.NotACheckpoint` where the path cannot be loaded."""
        refuse_classifier(self.path)
        check_checkpoint(self.path, chat="chat_template" not in self.chat_template_kwargs)


class OpenAIModel(_Settings):
    """A model behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"] = Field(description="an OpenAI-compatible endpoint")
    base_url: str = Field(description="the endpoint's address up to and with /v1")
    model: str = Field(description="the model's name there")
    api_key_env: str | None = Field(default=None, description="environment variable that holds the key; none: no key")
    concurrency: int = Field(default=32, ge=1, description="requests in flight over the whole run")
    requests_per_minute: int | None = Field(default=None, ge=1, description="limit over the whole run")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="limit over the whole run, prompt and reply")
    max_retries: int = Field(
        default=8, ge=0, description="how often a request is repeated after 429, 5xx or a lost connection"
    )
    price: Price | None = Field(default=None, description="what its tokens cost")
    sampling: Sampling = Field(default=Sampling(), description="how it samples where a step says nothing else")
    system: str | None = Field(default=None, description="system message for conversations that bring none")
    extra_body: dict[str, Any] = Field(
        default={}, description="further fields of the request, as the endpoint knows them"
    )
    structured: Literal["vllm", "openai", "none"] = Field(
        default="openai",
        description="how replies are constrained: vLLM's fields, response_format only, or by words alone",
    )
    request_timeout_s: float = Field(default=600, gt=0, description="seconds one attempt may take")

    replicas: Literal[1] = Field(default=1, description="one client for the whole run, so that limits hold over it")
    restarts: int = Field(default=20, ge=0, description="how often the client is started again")
    cpus: float = Field(default=0.1, ge=0, description="CPUs reserved for the client")

    def bundles(self) -> list[dict[str, float]]:
        return [{"CPU": self.cpus}]

    def weights_id(self) -> str:
        """Hash of endpoint, model and what every request to it carries; 32 hex digits."""
        return self._identity(base_url=self.base_url, model=self.model, system=self.system, extra_body=self.extra_body)

    def check(self) -> None:
        if self.api_key_env and not os.environ.get(self.api_key_env):
            raise ValueError(f"the environment variable {self.api_key_env} (api_key_env) is not set")


class EchoModel(_Settings):
    """Answers with the question, for benchmarks of everything around a model."""

    kind: Literal["echo"] = Field(description="no model: the reply is the last message")
    tokens: int = Field(default=16, ge=1, description="tokens that a reply counts as")
    replicas: int = Field(default=1, ge=1, description="engines")
    cpus: float = Field(default=0.1, ge=0, description="CPUs reserved for one engine")
    concurrency: int = Field(default=1024, ge=1, description="requests that one engine works on at once")
    latency_s: float = Field(default=0, ge=0, description="seconds a reply takes")
    request_timeout_s: float = Field(default=600, gt=0, description="seconds a request may take")
    restarts: int = Field(default=20, ge=0, description="how often a dead engine is started again")
    sampling: Sampling = Field(default=Sampling(), description="accepted, and without effect")
    price: Price | None = Field(default=None, description="what its tokens cost")

    def bundles(self) -> list[dict[str, float]]:
        return [{"CPU": self.cpus}]

    def weights_id(self) -> str:
        return self._identity(echo=self.tokens)

    def check(self) -> None:
        """Nothing can be missing."""


class ClassifierModel(_Settings):
    """An encoder, or a decoder with a classification head, that gives texts one of its labels: through transformers,
    many texts at once. A student of ``kind: classify`` is one too, before it has a head."""

    kind: Literal["classifier"] = Field(description="a sequence classifier, on Ray actors")
    path: str = Field(description="checkpoint: a directory, a Hugging Face name, a URI, or package://PACKAGE/DIR")
    revision: str | None = Field(default=None, description="revision of a Hugging Face name")
    replicas: int = Field(default=1, ge=1, description="engines")
    gpus: float = Field(default=0, ge=0, le=1, description="GPUs of one engine: 0 on CPU, a fraction to share one")
    cpus: float = Field(default=1, gt=0, description="CPUs reserved for one engine")
    threads: int | None = Field(
        default=None, ge=1, description="compute threads of an engine on CPU; default: cpus, rounded"
    )
    batch_size: int = Field(default=32, ge=1, description="most texts that go through the model at once")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="precision of computing; auto: the checkpoint's on a GPU, float32 on a CPU"
    )
    long_rows: Literal["reject", "truncate"] | None = Field(
        default=None, description="what becomes of texts it cannot read whole; default: as in its training, else reject"
    )
    request_timeout_s: float = Field(default=600, gt=0, description="seconds a request may take, waiting included")
    restarts: int = Field(default=20, ge=0, description="how often a dead engine is started again")
    sampling: Sampling = Field(default=Sampling(), description="accepted, and without effect")
    price: Price | None = Field(default=None, description="what its tokens cost you, for budgets in money")

    @property
    def concurrency(self) -> int:
        """Requests that keep one engine busy: a batch in the model, one on its way."""
        return 2 * self.batch_size

    def bundles(self) -> list[dict[str, float]]:
        return [{"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}]

    def weights_id(self) -> str:
        """Hash of what decides its labels; 32 hex digits."""
        weights = checkpoint_id(self.path, self.revision)
        return self._identity(weights=weights, dtype=self.dtype, long_rows=self.long_rows)

    def check(self) -> None:
        """Raise :class:`~distilray.checkpoints.identity.NotACheckpoint` where the path cannot be loaded."""
        check_checkpoint(self.path, chat=False)

    def check_labels(self) -> None:
        """Raise ``NotACheckpoint`` where it is a checkpoint, but cannot give texts labels (yet)."""
        check_classifier(self.path)


def _kind(value: Any) -> str:
    return (value.get("kind", "vllm") if isinstance(value, dict) else getattr(value, "kind", "vllm")) or "vllm"


ModelSettings = Annotated[
    Annotated[VLLMModel, Tag("vllm")]
    | Annotated[OpenAIModel, Tag("openai")]
    | Annotated[ClassifierModel, Tag("classifier")]
    | Annotated[EchoModel, Tag("echo")],
    Discriminator(_kind),
]
"""Any kind of model; without ``kind`` it is ``vllm``."""


def check_model(settings: VLLMModel | OpenAIModel | ClassifierModel | EchoModel) -> None:
    """Raise ``ValueError`` with what is missing, as far as it can be known cheaply and before anything starts."""
    settings.check()
