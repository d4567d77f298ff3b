"""What every trainer here adds to transformers': rows come in our order, so the rows behind each loss are known."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler

from distilray.train.data.training_data import TrainingData
from distilray.train.distributed.resharding import Resharding
from distilray.train.distributed.sequence import SequenceGroup, SliceCollator
from distilray.train.loop.generation import HeldOutAnswers
from distilray.train.loop.loss_guard import LossGuard
from distilray.train.loop.student import leave_inputs_to_autocast


class InOrder(Sampler[int], Sized):
    """Yields the row indices that it was given."""

    def __init__(self, order: Any) -> None:
        self.order = order

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __len__(self) -> int:
        return len(self.order)


class FixedOrderMixin(Resharding):
    """Mixed into a trainer, before it.

    ``order``: indices of the rows of all steps; micro batch ``k`` of a step goes to worker ``k mod workers``, or to
    all workers of that group. The trainer calls :meth:`note` with the losses of each micro batch.
    """

    def __init__(self, *args: Any, order: Any, feed: TrainingData, **kwargs: Any) -> None:
        self.take_order(order, feed)
        super().__init__(*args, **kwargs)
        leave_inputs_to_autocast(self.model)

    group: SequenceGroup | None = None
    """Workers that share rows with this one."""

    answers: HeldOutAnswers | None = None
    """Also measures the student's own answers at each evaluation."""

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        output = super().evaluation_loop(*args, **kwargs)
        if self.answers is not None:
            prefix = kwargs.get("metric_key_prefix", "eval")
            output.metrics.update({f"{prefix}_{name}": value for name, value in self.answers.measure().items()})
        return output

    def slice_rows(self, group: SequenceGroup) -> None:
        """Workers of ``group`` get the same rows from now on, each its slice of them."""
        self.group = group
        self.data_collator = SliceCollator(self.data_collator, group, self.processing_class.pad_token_id)

    def take_order(self, order: Any, feed: TrainingData) -> None:
        self.order, self.lengths, self.watch = order, feed.lengths, LossGuard(feed.ids)
        self._micro = 0

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return InOrder(self._dealt(self.order, self.args.per_device_train_batch_size))

    def _dealt(self, order: Any, size: int) -> Any:
        """``order`` with every micro batch of ``size`` rows once for each worker of a group: they are dealt in turn."""
        return order if self.group is None else np.repeat(order.reshape(-1, size), self.group.size, axis=0).reshape(-1)

    def note(self, losses: torch.Tensor, counted: torch.Tensor) -> None:
        """``losses`` of tokens, 0 where they are not ``counted``: shape ``(rows, length - 1)``, or ``(1, tokens - 1)``
        where the rows of the micro batch are concatenated: nothing predicts the first token."""
        if not self.model.training:
            return
        rows = self._rows_in_hand()
        losses = losses.detach().float()
        if len(losses) == len(rows) or self.group is not None:
            self.watch.note(rows, losses.sum(1) / counted.sum(1).clamp(min=1))
            return
        sizes = [int(self.lengths[row]) for row in rows]
        sizes[0] -= 1
        of_rows = zip(losses[0].split(sizes), counted[0].split(sizes), strict=True)
        self.watch.note(rows, torch.stack([some.sum() / n.sum().clamp(min=1) for some, n in of_rows]))

    def note_rows(self, losses: torch.Tensor, mean: torch.Tensor) -> None:
        """``losses``, one per row, to identify rows; ``mean``: what is minimised."""
        if self.model.training:
            self.watch.note(self._rows_in_hand(), losses, mean)

    def _rows_in_hand(self) -> list[int]:
        """Indices of the rows in this worker's current micro batch."""
        args, accelerator = self.args, self.accelerator
        size = args.per_device_train_batch_size
        share = 1 if self.group is None else self.group.size
        groups, mine = accelerator.num_processes // share, accelerator.process_index // share
        step_rows = size * args.gradient_accumulation_steps * groups
        turn = self._micro * groups + mine
        self._micro += 1
        start = self.state.global_step * step_rows + turn * size
        return self.order[start : start + size].tolist()

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)
        self._micro = 0
        first = next((record["loss"] for record in self.state.log_history if "loss" in record), None)
        self.watch.check(self.state.global_step + 1, None if norm is None else float(norm), first)
        return norm
