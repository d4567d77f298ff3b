"""How a vLLM engine is started: its environment and its arguments, from a model's settings."""

from __future__ import annotations

import os
from typing import Any

from distilray.checkpoints import resolve_path
from distilray.models.cpu_variables import VLLM_ON_CPUS
from distilray.models.settings.vllm import VLLMModel

PREFILL_TOKENS = 8192
"""Least number of prompt tokens that an engine on CPU processes in one step."""
DAY_S = 24 * 3600


def environment(settings: VLLMModel) -> dict[str, str]:
    """Environment variables that vLLM reads, set before it is imported."""
    # An engine's log says how it was configured and why it failed. TRL, where it was imported before, sets ERROR.
    level = "DEBUG" if os.environ.get("VLLM_LOGGING_LEVEL") == "DEBUG" else "INFO"
    variables = {"VLLM_LOGGING_LEVEL": level, "TOKENIZERS_PARALLELISM": "false"}
    # vLLM gives weights ten minutes. How long a start may take is start_timeout_s, and the driver's to decide.
    variables["VLLM_ENGINE_READY_TIMEOUT_S"] = str(DAY_S)
    if not settings.gpus:
        variables |= VLLM_ON_CPUS | {"OMP_NUM_THREADS": str(settings.threads or max(1, round(settings.cpus)))}
        if settings.world_size == 1:
            # The core then runs the model itself, without a separate worker process.
            variables["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    return variables


def engine_args(settings: VLLMModel) -> Any:
    """vLLM's own settings object for ``settings``."""
    from vllm import AsyncEngineArgs

    passed: dict[str, Any] = {
        "model": resolve_path(settings.path),
        "revision": settings.revision,
        "served_model_name": settings.served_name,
        "tensor_parallel_size": settings.tensor_parallel,
        "pipeline_parallel_size": settings.pipeline_parallel,
        "max_num_seqs": settings.max_num_seqs,
        "dtype": settings.dtype,
        "disable_log_stats": True,
        "use_tqdm_on_load": True,  # into the log: it is how the driver sees that weights are coming
        "enforce_eager": settings.gpus == 0,  # compiling takes minutes on CPU and gains little
    }
    if settings.max_model_len is not None:
        passed["max_model_len"] = settings.max_model_len
    if not settings.gpus:
        # A seeded request whose prompt is prefilled in parts kills the core on CPU (vLLM 0.29: "CPU Generator does
        # not use offset"), so prompts there are prefilled whole, and a step must have room for the longest.
        passed["enable_chunked_prefill"] = False
        passed["max_num_batched_tokens"] = max(_context(passed["model"], settings), PREFILL_TOKENS)
    if settings.max_num_batched_tokens is not None:
        passed["max_num_batched_tokens"] = settings.max_num_batched_tokens
    if settings.gpus:
        passed["gpu_memory_utilization"] = settings.memory_share
    if settings.kv_cache_gib or not settings.gpus:
        passed["kv_cache_memory_bytes"] = int((settings.kv_cache_gib or 1) * 2**30)
    if settings.speculation:
        passed["speculative_config"] = settings.speculation.model_dump()
    if settings.spread:
        passed["distributed_executor_backend"] = "ray"
    elif settings.world_size > 1:
        passed["distributed_executor_backend"] = "mp"
    return AsyncEngineArgs(**{**passed, **settings.engine})


def _context(path: str, settings: VLLMModel) -> int:
    """Tokens of the longest prompt that the engine will take."""
    if settings.max_model_len is not None:
        return settings.max_model_len
    from transformers import AutoConfig

    return int(getattr(AutoConfig.from_pretrained(path), "max_position_embeddings", PREFILL_TOKENS))
