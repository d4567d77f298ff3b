"""The divergence of a student's next-token distribution from a teacher's, whose k likeliest tokens are known.

The total probability of the teacher's other tokens is kept as one more symbol, the rest, and the student is truncated
in the same way: its log-probabilities of these k tokens and of all others together. So a divergence is one between two
proper distributions over k + 1 symbols, never more than that of the whole vocabularies, and equal to it for k =
vocabulary.

    teacher   p = [.6, .3 | .1]      two tokens and the rest
    student   q = [.5, .3 | .2]      forward KL = .6 ln(.6/.5) + .1 ln(.1/.2) = 0.040

Forward and reverse KL, and the generalised Jensen-Shannon divergence of GKD (Agarwal et al. 2024, "On-Policy
Distillation of Language Models"): beta KL(p || m) + (1 - beta) KL(q || m) with m = beta p + (1 - beta) q. A temperature
flattens both distributions as they are, and the divergence is multiplied by its square, so that the gradient keeps
its size (Hinton et al. 2015, section 2.1); TRL's GKD trainer leaves the square out, so at T = 2 its divergence has a
quarter of the weight there. All in nats; plain PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = -1e4
"""Log-probability in place of minus infinity: its exp is 0, and 0 times it is 0."""


@dataclass(frozen=True, slots=True)
class Objective:
    """``divergences``: ``forward_kl``, ``reverse_kl`` and ``jsd`` to their weights in the sum."""

    divergences: Mapping[str, float]
    beta: float = 0.5
    temperature: float = 1.0

    def of(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Shape ``(n,)`` from two ``(n, symbols)`` tensors of log-probabilities that each sum to one."""
        if self.temperature != 1:
            student = F.log_softmax(student / self.temperature, -1)
            teacher = F.log_softmax(teacher / self.temperature, -1)
        total = torch.zeros_like(student[..., 0])
        for name, weight in self.divergences.items():
            if weight:
                total = total + weight * self._one(name, student, teacher)
        return total * self.temperature**2

    def _one(self, name: str, student: Tensor, teacher: Tensor) -> Tensor:
        if name == "forward_kl":
            return _kl(teacher, student)
        if name == "reverse_kl":
            return _kl(student, teacher)
        if name == "jsd":
            middle = torch.logaddexp(teacher + math.log(self.beta), student + math.log1p(-self.beta))
            return self.beta * _kl(teacher, middle) + (1 - self.beta) * _kl(student, middle)
        raise ValueError(f"no divergence is named {name!r}; there are forward_kl, reverse_kl and jsd")


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (p.exp() * (p - q)).sum(-1)


@dataclass(frozen=True, slots=True)
class TopK:
    """A teacher's distribution at n positions: ``ids`` and ``log_probs`` of shape ``(n, k)``, and ``rest`` of shape
    ``(n,)``, the probability of all other tokens together. Ids beyond the student's vocabulary are padding of a bigger
    embedding and are ignored."""

    ids: Tensor
    log_probs: Tensor
    rest: Tensor

    def of(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Student's and teacher's log-probabilities of the k tokens and of the rest, ``(n, k + 1)`` each, from the
        student's ``logits`` of shape ``(n, vocabulary)``."""
        vocabulary = logits.shape[-1]
        strange = self.ids >= vocabulary
        ids = self.ids.clamp(max=vocabulary).long()
        logits = F.pad(logits.float(), (0, 1), value=-math.inf)  # one column for strange ids
        whole = logits.logsumexp(-1, keepdim=True)
        rest = logits.scatter(-1, ids, -math.inf).logsumexp(-1, keepdim=True)
        student = torch.cat([logits.gather(-1, ids), rest], -1) - whole
        teacher = torch.cat(
            [self.log_probs.float().masked_fill(strange, -math.inf), self.rest.float().log()[:, None]], -1
        )
        # What was stored in 16 bits, or lost its padding, no longer sums to one: that alone would be a divergence.
        teacher = teacher - teacher.logsumexp(-1, keepdim=True)
        return student.clamp(min=FLOOR), teacher.clamp(min=FLOOR)


def top_k_of(logits: Tensor, k: int) -> TopK:
    """The ``k`` likeliest tokens of ``logits`` (shape ``(n, vocabulary)``) and what is left."""
    log_probs, ids = logits.float().log_softmax(-1).topk(k, -1)
    return TopK(ids, log_probs, _rest(logits, ids))


def _rest(logits: Tensor, ids: Tensor) -> Tensor:
    logits = logits.float()
    return (logits.scatter(-1, ids, -math.inf).logsumexp(-1) - logits.logsumexp(-1)).exp()


def whole_vocabulary(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities over the tokens that both share, from logits ``(n, vocabulary)`` whose vocabularies may be
    padded differently."""
    shared = min(student.shape[-1], teacher.shape[-1])
    student, teacher = student[:, :shared].float().log_softmax(-1), teacher[:, :shared].float().log_softmax(-1)
    return student.clamp(min=FLOOR), teacher.clamp(min=FLOOR)
