"""Teachers that the student's workers load, and that read the same tokens in the same step.

Sharded layer by layer over all workers (FSDP2), however the student is sharded: only one layer of a teacher is whole at
a time. The first worker alone reads the checkpoint, into its host's memory.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any

import torch

from distilray.train.distributed import sharding
from distilray.train.distributed.loading import load, shard
from distilray.train.methods.distill.head import Live, head_of
from distilray.train.methods.shared.padding import unmasked
from distilray.train.settings import IGNORED


class LiveTeachers:
    """``weights``: each teacher's local checkpoint to its share; ``top_k`` None compares whole vocabularies."""

    def __init__(self, weights: Mapping[str, float], top_k: int | None, workers: int, device: torch.device) -> None:
        self.weights, self.top_k = list(weights.values()), top_k
        dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        self.models = [load_teacher(path, dtype, workers, device) for path in weights]

    def __call__(self, inputs: dict[str, Any]) -> list[Live]:
        taught = []
        for model, weight in zip(self.models, self.weights, strict=True):
            with torch.no_grad():
                hidden = model(**unmasked(inputs))
                head, bias = head_of(model)
            taught.append(Live(weight, hidden, head, bias, self.top_k))
        return taught


def load_teacher(path: str, dtype: torch.dtype, workers: int, device: torch.device) -> Any:
    """The model at ``path``, which returns its last hidden states at the trained positions, ``(n, width)``."""
    with sharding.whole():
        model = load("AutoModelForCausalLM", path, dtype, once=workers > 1)
    model.eval().requires_grad_(False)
    model.forward = types.MethodType(functools.wraps(type(model).forward)(_read), model)
    return model.to(device) if workers == 1 else shard(model, device)


def _read(self: Any, *args: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
    hidden = self.base_model(*args, **{**kwargs, "use_cache": False}).last_hidden_state
    return hidden[:, :-1][labels[:, 1:] != IGNORED]
