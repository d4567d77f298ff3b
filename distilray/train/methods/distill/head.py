"""The student's forward pass with a teacher: log-probabilities and divergences, without whole logits.

Logits of 150,000 tokens for every position would be most of a training's memory. Here only the trained positions are
projected, a tile at a time, and what a tile needs for its gradient is recomputed in the backward pass.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import checkpoint

from distilray.train.errors import CannotTrain
from distilray.train.memory.estimate import DISTILL_LOGITS
from distilray.train.methods.distill.divergence import Objective, TopK, top_k_of, whole_vocabulary
from distilray.train.settings import IGNORED

TILE = 1024
"""Most positions that are projected at once."""
SMALL = 1 << 24
"""Up to this many logits are kept rather than recomputed."""


@dataclass(frozen=True)
class Stored:
    """A teacher whose likeliest tokens are known; a row for each trained position, in order."""

    weight: float
    top: TopK

    def at(self, tile: slice) -> tuple[Any, ...]:
        return self.top.ids[tile], self.top.log_probs[tile], self.top.rest[tile]

    def compared(self, logits: Tensor, *tile: Tensor) -> tuple[Tensor, Tensor]:
        return TopK(*tile).of(logits)


@dataclass(frozen=True)
class Live:
    """A teacher that has just read the same tokens: its last hidden states at the trained positions, and its head."""

    weight: float
    hidden: Tensor
    head: Tensor
    bias: Tensor | None
    top_k: int | None
    """Compare over this many tokens and the rest; None: over the whole vocabulary."""

    def at(self, tile: slice) -> tuple[Any, ...]:
        return (self.hidden[tile],)

    def compared(self, logits: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():  # the teacher's part alone: the comparison is where the student's gradient begins
            teacher = F.linear(hidden, self.head, self.bias).float()
            top = None if self.top_k is None else top_k_of(teacher, self.top_k)
        return whole_vocabulary(logits, teacher) if top is None else top.of(logits)


Teacher = Stored | Live


@dataclass(frozen=True)
class DistillTarget:
    """What goes into the forward pass in addition to the tokens."""

    objective: Objective
    teachers: Sequence[Teacher]


def add_distillation_head(model: Any) -> None:
    """``model(..., labels=labels, target=target)`` then returns, for every label but the ignored ones in order, its
    ``log_probs`` and the weighted ``divergences`` of the student from the teachers, both of shape ``(n,)``.

    The head is called as a module: what shards it (FSDP2, ZeRO-3) gathers it then and for its backward pass. Add it
    before anything wraps the model. Raises :class:`CannotTrain` for models whose logits are more than a projection.
    """
    _check_plain(model)
    original = model.forward
    head = model.get_output_embeddings()
    head.forward = types.MethodType(_target_or(head.forward), head)

    @functools.wraps(type(model).forward)  # generate looks at the signature
    def forward(self: Any, *args: Any, target: DistillTarget | None = None, **kwargs: Any) -> Any:
        if target is None:
            return original(*args, **kwargs)
        labels = kwargs.pop("labels")[:, 1:]
        trained = labels != IGNORED
        hidden = self.base_model(*args, **{**kwargs, "use_cache": False}).last_hidden_state[:, :-1]
        taught = self.get_output_embeddings()(hidden[trained], labels=labels[trained], target=target)
        return dict(zip(("log_probs", "divergences"), taught, strict=True))

    model.forward = types.MethodType(forward, model)


def _target_or(project: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """A head's forward pass that also takes a target; without one it projects as before."""

    def forward(
        self: Any, hidden: Tensor, *, labels: Tensor | None = None, target: DistillTarget | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        if labels is None or target is None:
            return project(hidden)
        return tiled(hidden, *_whole(self), labels, target)

    return forward


def head_of(model: Any) -> tuple[Tensor, Tensor | None]:
    """Weights of the output projection, gathered where they are sharded."""
    return _whole(model.get_output_embeddings())


def _whole(head: Any) -> tuple[Tensor, Tensor | None]:
    weight, bias = head.weight, getattr(head, "bias", None)
    if isinstance(weight, DTensor):
        weight, bias = weight.full_tensor(), None if bias is None else bias.full_tensor()
    return weight, bias


def tiled(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, target: DistillTarget
) -> tuple[Tensor, Tensor]:
    """``hidden`` of shape ``(n, width)``, ``labels`` of shape ``(n,)``; see :func:`add_distillation_head`."""
    keep = len(hidden) * weight.shape[0] <= SMALL
    size = max(1, min(TILE, DISTILL_LOGITS // weight.shape[0]))
    parts = []
    for start in range(0, max(1, len(hidden)), size):  # once for no position at all, so that there is a gradient
        tile = slice(start, start + size)
        inputs = (hidden[tile], weight, bias, labels[tile], target, [teacher.at(tile) for teacher in target.teachers])
        parts.append(_one_tile(*inputs) if keep else checkpoint(_one_tile, *inputs, use_reentrant=False))
    log_probs, divergences = zip(*parts, strict=True)
    return torch.cat(log_probs), torch.cat(divergences)


def _one_tile(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    target: DistillTarget,
    tiles: list[tuple[Any, ...]],
) -> tuple[Tensor, Tensor]:
    logits = F.linear(hidden, weight, bias).float()
    log_probs = logits.gather(-1, labels[:, None]).squeeze(-1) - logits.logsumexp(-1)
    divergence = torch.zeros_like(log_probs)
    for teacher, tile in zip(target.teachers, tiles, strict=True):
        student, expected = teacher.compared(logits, *tile)
        divergence = divergence + teacher.weight * target.objective.of(student, expected)
    return log_probs, divergence


def _check_plain(model: Any) -> None:
    config = model.config.get_text_config()
    for name in ("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling"):
        if getattr(config, name, None) not in (None, 1, 1.0):
            raise CannotTrain(
                f"{type(model).__name__} changes its logits after projecting them ({name}: {getattr(config, name)}), "
                "which distillation does not support; choose a student of another family"
            )
