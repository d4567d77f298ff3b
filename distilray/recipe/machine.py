"""What the machine at hand has, without starting anything."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from distilray.models import ModelSettings, VLLMModel, resolve_path
from distilray.recipe.plan import Available

ENGINE_GIB = 1.5
"""What an engine on CPU takes beside weights and key-value cache: measured 1.2-1.4 GiB resident with tiny models."""


def this_machine(num_cpus: int | None = None) -> Available:
    """CPUs (as many as a local cluster would claim), GPUs, and memory that is free, in GiB."""
    gpus = len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name.removeprefix("nvidia").isdigit()])
    return Available(num_cpus or os.cpu_count() or 1, gpus, psutil.virtual_memory().available / 2**30)


def weights_gib(model: ModelSettings) -> float | None:
    """Size of a model's weights on disk, GiB; None where they are not on this machine."""
    if not isinstance(model, VLLMModel):
        return 0.0
    root = Path(resolve_path(model.path))
    if not root.is_dir():
        return None
    files = [file for pattern in ("*.safetensors", "*.bin") for file in root.glob(pattern)]
    return sum(file.stat().st_size for file in files) / 2**30


def engine_gib(model: ModelSettings) -> float | None:
    """Memory that one engine on CPU takes, GiB; None where it cannot be known or lies on GPUs."""
    if not isinstance(model, VLLMModel):
        return 0.2
    weights = weights_gib(model)
    if weights is None or model.gpus:
        return None
    return weights + (model.kv_cache_gib or 1.0) + ENGINE_GIB
