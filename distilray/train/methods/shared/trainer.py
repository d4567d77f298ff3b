"""TRL's SFT trainer with our order of rows and a loss without collectives.

TRL gathers entropy, accuracy and token counts from all workers in every micro batch: five small collectives that cost
more than the arithmetic of a small model. Tokens are known from the order of rows; the other figures are not reported.
"""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer

from distilray.train.loop.fixed_order import FixedOrderMixin
from distilray.train.methods.shared.padding import unmasked


class StudentTrainer(FixedOrderMixin, SFTTrainer):
    """``data_collator``: replaces TRL's own, which TRL would otherwise enforce for packed rows."""

    def __init__(self, *args: Any, data_collator: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if data_collator is not None:
            self.data_collator = data_collator

    def token_losses(self, log_probs: torch.Tensor) -> torch.Tensor:
        """The losses of tokens, given their log-probabilities: 0 where nothing is trained, as ``log_probs`` are."""
        return -log_probs

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if self.aux_loss_enabled or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        # Without a cache the attention mask keeps packed rows apart by their positions.
        outputs = model(**{**unmasked(inputs), "use_cache": False}, fused_lm_head=True)
        losses = self.token_losses(outputs.log_probs)
        self.note(losses, outputs.label_mask)
        trained = outputs.label_mask.sum() if num_items_in_batch is None else num_items_in_batch
        loss = losses.sum() / torch.as_tensor(trained).clamp(min=1)
        if num_items_in_batch is not None:  # counted over all workers, whose gradients are averaged
            loss = loss * self.accelerator.num_processes
        return loss
