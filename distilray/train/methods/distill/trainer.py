"""The student's trainer with teachers: LM loss and divergence in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from distilray.train.methods.distill.divergence import Objective
from distilray.train.methods.distill.head import DistillTarget, Teacher
from distilray.train.methods.distill.stored import POINTERS
from distilray.train.methods.shared.padding import unmasked
from distilray.train.methods.shared.trainer import StudentTrainer
from distilray.train.settings import IGNORED

Taught = Callable[[dict[str, Any]], Sequence[Teacher]]
"""Removes the teachers' tensors from a collated batch, and returns the teachers' view of it."""


class DistillTrainer(StudentTrainer):
    """Loss of a step: ``(1 - kd_weight) * LM loss + kd_weight * divergence``, both means over its trained tokens."""

    def __init__(self, *args: Any, taught: Taught, objective: Objective, kd_weight: float, **kwargs: Any) -> None:
        self.taught, self.objective, self.kd_weight = taught, objective, kd_weight
        self.sums: torch.Tensor | None = None
        super().__init__(*args, **kwargs)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if POINTERS not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, POINTERS]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        inputs = dict(inputs)
        teachers = self.taught(inputs)
        if return_outputs:  # held-out rows: the LM loss, which can be compared with other methods'
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        out = model(**unmasked(inputs), target=DistillTarget(self.objective, teachers))
        losses = -(1 - self.kd_weight) * out["log_probs"] + self.kd_weight * out["divergences"]
        trained = inputs["labels"][:, 1:] != IGNORED
        self.note(torch.zeros(trained.shape, device=losses.device).masked_scatter(trained, losses.detach()), trained)
        lm, divergence = -out["log_probs"].detach().sum(), out["divergences"].detach().sum()
        here = trained.sum()
        seen = torch.stack([lm.float(), divergence.float(), here.float()])
        self.sums = seen if self.sums is None else self.sums + seen
        whole = here if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        loss = losses.sum() / whole.clamp(min=1)
        if num_items_in_batch is not None:  # counted over all workers, whose gradients are averaged
            loss = loss * self.accelerator.num_processes
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "loss" in logs and self.sums is not None:  # all workers log the same steps
            lm, divergence, tokens = self.accelerator.reduce(self.sums, "sum").tolist()
            logs = {**logs, "lm_loss": lm / max(tokens, 1), "divergence": divergence / max(tokens, 1)}
            self.sums = None
        super().log(logs, *args, **kwargs)
