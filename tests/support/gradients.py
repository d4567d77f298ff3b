"""Gradients of a trainer's first step, and their distance from those of another computation."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, TrainerCallback

CLOSE = 3e-5
"""Most that a gradient of fp32 may be away from that in fp64, as a share of its norm."""


class FirstGradient(TrainerCallback):
    """Keeps the gradient of the first step, as it is when the optimizer gets it, and ends the training there."""

    def __init__(self) -> None:
        self.of: dict[str, torch.Tensor] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, *, model: Any, **kwargs: Any) -> None:
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                grad = parameter.grad.full_tensor() if isinstance(parameter.grad, DTensor) else parameter.grad
                self.of[name] = grad.detach().double().cpu().clone()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_training_stop = True


def exact_model(path: str) -> Any:
    """The checkpoint at ``path`` in fp64, its logits whole and its attention written out."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64, attn_implementation="eager")
    return model.eval()


def gradient_of(model: Any) -> dict[str, torch.Tensor]:
    """Gradients of ``model`` by the names of its parameters."""
    return {name: p.grad.detach().double() for name, p in model.named_parameters() if p.grad is not None}


def apart(found: dict[str, torch.Tensor], exact: dict[str, torch.Tensor]) -> float:
    """The norm of the difference of two gradients, as a share of the second one's norm."""
    assert found.keys() == exact.keys()
    square = sum((found[name] - exact[name]).square().sum() for name in exact)
    norm = sum(some.square().sum() for some in exact.values())
    assert norm > 0, "nothing is trained"
    return (square / norm).sqrt().item()
