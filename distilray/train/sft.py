"""TRL's SFT trainer with our order of rows and a loss that asks the other workers for nothing.

TRL gathers entropy, accuracy and token counts from all workers in every micro batch: five small collectives that cost
more than the arithmetic of a small model. Tokens are known from the order of rows; the rest is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

import torch
from torch.utils.data import Sampler
from trl import SFTTrainer


class InOrder(Sampler[int], Sized):
    """Yields the row indices that it was given."""

    def __init__(self, order: Any) -> None:
        self.order = order

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __len__(self) -> int:
        return len(self.order)


class StudentTrainer(SFTTrainer):
    """``order``: indices of the rows of all steps; micro batch ``k`` of a step goes to worker ``k mod workers``."""

    def __init__(self, *args: Any, order: Any, **kwargs: Any) -> None:
        self.order = order
        super().__init__(*args, **kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return InOrder(self.order)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if self.aux_loss_enabled or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        # Without a cache the attention mask keeps packed rows apart by their positions.
        outputs = model(**{**inputs, "use_cache": False}, fused_lm_head=True)
        trained = outputs.label_mask.sum() if num_items_in_batch is None else num_items_in_batch
        loss = -outputs.log_probs.sum() / torch.as_tensor(trained).clamp(min=1)
        if num_items_in_batch is not None:  # counted over all workers, whose gradients are averaged
            loss = loss * self.accelerator.num_processes
        return loss
