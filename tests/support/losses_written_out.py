"""The losses of all trainings as their papers write them, in float64, one position and one pair at a time.

Imports nothing that is tested, and nothing that what is tested is built on but PyTorch's arithmetic: tests compare
values and gradients of the trainers with these. Probabilities are vectors that sum to one; sums are plain sums.

    p = [.6, .3, .1], q = [.5, .3, .2]:   forward KL = .6 ln(.6/.5) + .1 ln(.1/.2) = 0.040
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``exp(z / T) / sum exp(z / T)`` of one position's ``logits``, shape ``(vocabulary,)``."""
    scaled = logits.double() / temperature
    powers = torch.exp(scaled - scaled.max().detach())
    return powers / powers.sum()


def log_probs(logits: Tensor, ids: Sequence[int], start: int) -> Tensor:
    """``ln p(ids[t] | ids[:t])`` for every ``t`` from ``start`` on; ``logits``, shape ``(length, vocabulary)``, predict
    ``t + 1`` at ``t``."""
    return torch.stack([torch.log(probabilities(logits[t - 1])[ids[t]]) for t in range(start, len(ids))])


# Distillation: p is the teacher's distribution over the symbols of one position, q the student's.


def forward_kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q)."""
    return (p * torch.log(p / q)).sum()


def reverse_kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(q || p)."""
    return (q * torch.log(q / p)).sum()


def jsd(p: Tensor, q: Tensor, beta: float) -> Tensor:
    """Generalised Jensen-Shannon divergence (GKD, Agarwal et al. 2024)."""
    m = beta * p + (1 - beta) * q
    return beta * forward_kl(p, m) + (1 - beta) * forward_kl(q, m)


def cut(p: Tensor, ids: Sequence[int]) -> Tensor:
    """The probabilities of ``ids``, and of all other tokens as one symbol."""
    others = [token for token in range(len(p)) if token not in set(ids)]
    return torch.cat([p[list(ids)], p[others].sum()[None]])


def softened(p: Tensor, temperature: float) -> Tensor:
    """``p`` to the power of ``1 / T``, made to sum to one."""
    powers = p ** (1 / temperature)
    return powers / powers.sum()


def divergence(p: Tensor, q: Tensor, mix: Mapping[str, float], beta: float, temperature: float) -> Tensor:
    """The weighted sum of divergences at a temperature, times its square (Hinton et al. 2015, section 2.1)."""
    p, q = softened(p, temperature), softened(q, temperature)
    parts = {"forward_kl": forward_kl(p, q), "reverse_kl": reverse_kl(p, q), "jsd": jsd(p, q, beta)}
    return temperature**2 * sum((weight * parts[name] for name, weight in mix.items()), torch.zeros(()).double())


# Preferences: token log-probabilities of a pair's two answers, by the student and by the reference.


def dpo(
    kind: str, chosen: Tensor, rejected: Tensor, of_chosen: Tensor, of_rejected: Tensor, beta: float, tail: float = 1.0
) -> Tensor:
    """One pair's loss; ``of_...`` are the reference's. ``tail``: what tokens count beyond the shorter answer's length
    (Liu et al. 2024, LD-DPO's alpha)."""
    shared = min(len(chosen), len(rejected))
    good, bad = _counted(chosen - of_chosen, shared, tail), _counted(rejected - of_rejected, shared, tail)
    if kind == "sigmoid":  # Rafailov et al. 2023, eq. 7
        return torch.log(1 + torch.exp(-beta * (good - bad)))
    good, bad = good / len(chosen), bad / len(rejected)
    if kind == "sigmoid_norm":  # per token, Lambert et al. 2024
        return torch.log(1 + torch.exp(-beta * (good - bad)))
    if kind == "ipo":  # Azar et al. 2023, eq. 17, per token
        return (good - bad - 1 / (2 * beta)) ** 2
    raise ValueError(kind)


def _counted(ratios: Tensor, shared: int, tail: float) -> Tensor:
    return ratios[:shared].sum() + tail * ratios[shared:].sum()


def simpo(chosen: Tensor, rejected: Tensor, beta: float, margin: float) -> Tensor:
    """One pair's loss without a reference (Meng et al. 2024, eq. 6); ``margin`` is their gamma."""
    apart = beta * chosen.sum() / len(chosen) - beta * rejected.sum() / len(rejected)
    return torch.log(1 + torch.exp(-(apart - margin)))


def kto(ratio: Tensor, good: bool, beta: float, zero: Tensor) -> Tensor:
    """One answer's loss (Ethayarajh et al. 2024) from its log-ratio; ``zero`` is the reference point."""
    sign = 1 if good else -1
    return 1 - 1 / (1 + torch.exp(-sign * beta * (ratio - zero)))
