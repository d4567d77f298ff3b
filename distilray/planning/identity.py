"""What determines a step's result, so that only a changed step and those after it run again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import CodeType, FunctionType
from typing import Any

from distilray import __version__
from distilray.ledger import fingerprint
from distilray.models import ModelSettings
from distilray.recipe import StepEntry
from distilray.runner import sources_identity
from distilray.sources import list_files
from distilray.steps import STEPS, Decontaminate, Step

OPERATIONAL = {"replicas", "gpus", "cpus", "threads", "max_num_seqs", "request_timeout_s", "restarts", "price",
               "concurrency", "batch_size", "requests_per_minute", "tokens_per_minute", "max_retries", "kv_cache_gib",
               "gpu_memory_utilization", "tensor_parallel", "pipeline_parallel", "api_key_env", "path",
               "start_timeout_s", "max_num_batched_tokens", "accelerator_type", "label_selector"}  # fmt: skip
"""Settings of a model that affect how fast or where it answers, not what; the path counts through its weights."""


def step_identity(entry: StepEntry, models: Mapping[str, ModelSettings]) -> dict[str, Any]:
    """Settings, prompts and models of one step, as JSON."""
    step = entry.named.step
    identity: dict[str, Any] = {
        "step": entry.name,
        "uses": entry.uses,
        "settings": step.model_dump(mode="json", exclude={"against"} if isinstance(step, Decontaminate) else None),
        "distilray": __version__,
    }
    if entry.uses not in STEPS:
        identity["source"] = fingerprint(_source(type(step)))
    if isinstance(step, Decontaminate):  # by what its questions are, not by where they lie
        identity["against"] = sources_identity(step.against, [list_files(source) for source in step.against])
    if isinstance(step, Step):
        identity["prompts"] = {prompt.name: prompt.hash for prompt in step.prompts_used()}
        names = sorted({name for chosen in step.models_used().values() for name in chosen})
        identity["models"] = {name: model_identity(models[name]) for name in names}
    return identity


def _source(cls: type) -> Any:
    """The source of a user's class; its byte code where it was typed into a notebook and has no file."""
    try:
        return inspect.getsource(cls)
    except (OSError, TypeError):
        functions = {name: value for name, value in vars(cls).items() if isinstance(value, FunctionType)}
        return {name: _byte_code(function.__code__) for name, function in sorted(functions.items())}


def _byte_code(code: CodeType) -> list[Any]:
    constants = [_byte_code(value) if isinstance(value, CodeType) else repr(value) for value in code.co_consts]
    return [code.co_code.hex(), code.co_names, constants]


def model_identity(model: ModelSettings) -> dict[str, Any]:
    settings = model.model_dump(mode="json", exclude=OPERATIONAL)
    return {"weights": model.weights_id(), **settings}
