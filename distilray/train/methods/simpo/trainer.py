"""SimPO as TRL's per-token sigmoid loss, against numbers in place of a reference.

The per-token loss is ``-log sigmoid(beta * (a - b))``, where ``a`` and ``b`` are how far the mean log-probability of a
token of the chosen and of the rejected answer is above the reference's. With ``margin / beta`` as the reference of each
chosen token and 0 of each rejected one, that is ``-log sigmoid(beta * chosen - beta * rejected - margin)``: SimPO.
"""

from __future__ import annotations

from typing import Any

import torch

from distilray.train.methods.dpo.trainer import PreferenceTrainer, lengths


class SimPOTrainer(PreferenceTrainer):
    def __init__(self, *, margin: float, **kwargs: Any) -> None:
        self.margin = margin
        super().__init__(reference=SimPOTrainer.constant, **kwargs)

    def constant(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The numbers in place of a reference, shape ``(2 B, length - 1)``."""
        completions = batch["completion_mask"][:, 1:].float()
        chosen, rejected = completions.chunk(2)
        return torch.cat([chosen * (self.margin / self.args.beta), 0 * rejected])

    def measures(
        self, log_probs: torch.Tensor, reference: torch.Tensor, completions: torch.Tensor, beta: torch.Tensor
    ) -> dict[str, float]:
        """Rewards are ``beta`` times the mean log-probability of a token; the margin is not taken off."""
        chosen, rejected = (beta.repeat(2) * log_probs.sum(1) / completions.sum(1)).chunk(2)
        return lengths(completions) | {
            "simpo/chosen": chosen.mean().item(),
            "simpo/rejected": rejected.mean().item(),
            "simpo/margins": (chosen - rejected).mean().item(),
            "simpo/accuracies": (chosen > rejected).float().mean().item(),
        }
