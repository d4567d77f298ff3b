"""Teachers that the student's workers load, and that read the same tokens in the same step.

Sharded layer by layer over all workers (FSDP2), however the student is sharded: only one layer of a teacher is whole at
a time. The first worker alone reads the checkpoint, into its host's memory.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F

from distilray.train.distributed import sharding
from distilray.train.distributed.loading import FIRST, in_fp32_on, load, shard
from distilray.train.methods.distill.head import Live, head_of
from distilray.train.methods.shared.padding import unmasked
from distilray.train.scoring.forward_pass import ProbeRow, given_log_probs, log_probs_of
from distilray.train.settings import IGNORED


class LiveTeachers:
    """``teachers``: each one's local checkpoint and its share; ``top_k`` None compares whole vocabularies. All workers
    make it together.

    ``probes``: rows that the first worker asks each checkpoint about as it has read it, in a plain forward pass in
    fp32, before its weights are spread and rounded. The results are in ``plain``: for each teacher and row a
    log-probability per position; empty in the other workers.
    """

    def __init__(
        self,
        teachers: Sequence[tuple[str, float]],
        top_k: int | None,
        workers: int,
        device: torch.device,
        probes: Sequence[ProbeRow] = (),
    ) -> None:
        self.shares, self.top_k, self.device = [share for _, share in teachers], top_k, device
        self.dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        self.models: list[Any] = []
        self.plain: list[list[list[float]]] = []
        for path, _ in teachers:
            model = read_teacher(path, self.dtype, workers)
            asks = probes if workers == 1 or dist.get_rank() == FIRST else ()
            with in_fp32_on(model, device):
                self.plain.append(log_probs_of(model, asks, device))
            self.models.append(spread_teacher(model, workers, device))

    def __call__(self, inputs: dict[str, Any]) -> list[Live]:
        return [self._of(number, unmasked(inputs)) for number in range(len(self.models))]

    def _of(self, number: int, inputs: dict[str, Any]) -> Live:
        with torch.no_grad():
            hidden = self.models[number](**inputs)
            head, bias = head_of(self.models[number])
        return Live(self.shares[number], hidden, head, bias, self.top_k)

    def log_probs(self, number: int, probes: Sequence[ProbeRow]) -> list[list[float]]:
        """Of the teacher ``number``, as the student is compared with it: for each row one per position. All workers
        call it together."""
        found = []
        for row in probes:
            asked = set(row.positions)
            labels = [token if place in asked else IGNORED for place, token in enumerate(row.tokens)]
            told = {"input_ids": torch.tensor([row.tokens]), "labels": torch.tensor([labels])}
            live = self._of(number, {name: tensor.to(self.device) for name, tensor in told.items()})
            found.append(given_log_probs(F.linear(live.hidden, live.head, live.bias), row).tolist())
        return found


def read_teacher(path: str, dtype: torch.dtype, workers: int) -> Any:
    """The frozen model at ``path`` in the host's memory; over several workers, in the first one alone."""
    with sharding.whole():
        model = load("AutoModelForCausalLM", path, dtype, once=workers > 1)
    return model.eval().requires_grad_(False)


def spread_teacher(model: Any, workers: int, device: torch.device) -> Any:
    """``model`` on its devices. It then returns its last hidden states at the trained positions, ``(n, width)``."""
    model.forward = types.MethodType(functools.wraps(type(model).forward)(_read), model)
    return model.to(device) if workers == 1 else shard(model, device)


def _read(self: Any, *args: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
    hidden = self.base_model(*args, **{**kwargs, "use_cache": False}).last_hidden_state
    return hidden[:, :-1][labels[:, 1:] != IGNORED]
