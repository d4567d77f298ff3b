"""transformers' trainer with our order of rows and a loss that is a mean over the whole batch of all workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import EvalPrediction, Trainer

from distilray.train.data.training_data import TrainingData
from distilray.train.loop.fixed_order import FixedOrderMixin
from distilray.train.methods.classify.scores import confusion_of, scores


class ClassifierTrainer(FixedOrderMixin, Trainer):
    """``weights``: of a row of each label in the loss, shape ``(labels,)``."""

    def __init__(
        self, *, order: Any, feed: TrainingData, weights: list[float], labels: list[str], **kwargs: Any
    ) -> None:
        self.labels, self.weights = labels, torch.tensor(weights)
        self.measured: dict[str, Any] = {}
        """:func:`~distilray.train.methods.classify.scores.scores` of the last evaluation."""
        super().__init__(order=order, feed=feed, compute_metrics=self._measure, **kwargs)
        self.model_accepts_loss_kwargs = True  # the rows of a step are counted over all workers

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        weights = self.weights.to(outputs.logits.device)
        losses = cross_entropy(outputs.logits.float(), labels, reduction="none") * weights[labels]
        self.note_rows(losses, losses.mean())
        if num_items_in_batch is None:
            loss = losses.mean()
        else:  # counted over all workers, whose gradients are averaged
            loss = losses.sum() / num_items_in_batch * self.accelerator.num_processes
        return (loss, {"logits": outputs.logits}) if return_outputs else loss

    def _measure(self, seen: EvalPrediction) -> dict[str, float]:
        logits = np.asarray(seen.predictions)
        confusion = confusion_of(np.asarray(seen.label_ids), logits.argmax(-1), len(self.labels))
        self.measured = scores(confusion, self.labels)
        return {"accuracy": self.measured["accuracy"], "macro_f1": self.measured["macro_f1"]}
