"""What a worker provides when it asks the method for a trainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilray.train.spec import Job

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

    from distilray.train.data.training_data import TrainingData


@dataclass(frozen=True)
class WorkerContext:
    """One worker, with its student loaded and its rows on disk."""

    job: Job
    arguments: TrainingArguments
    model: PreTrainedModel
    """The student, in fp32, not sharded yet."""
    tokenizer: PreTrainedTokenizerBase
    feed: TrainingData
    order: np.ndarray
    """Indices of the feed's rows, shape ``(steps * batch_size,)``: see :mod:`distilray.train.data.order`."""
    adapters: Any
    """peft's settings of the adapters to train, or None."""

    def trainer_inputs(self) -> dict[str, Any]:
        """Arguments of every trainer with :class:`~distilray.train.loop.fixed_order.FixedOrderMixin`."""
        return {
            "model": self.model,
            "args": self.arguments,
            "train_dataset": self.feed.train,
            "eval_dataset": self.feed.held_out,
            "processing_class": self.tokenizer,
            "order": self.order,
            "feed": self.feed,
        }
