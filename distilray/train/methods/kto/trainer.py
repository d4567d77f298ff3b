"""TRL's KTO trainer with our own reference, and a reference point that is the whole step's.

    rows          prompt 1 2, answer 3          prompt 4, answer 5 6
    input_ids     [[1, 2, 3], [4, 5, 6]]        what is judged
    KL_input_ids  [[1, 2, 5, 6], [4, 3]]        each prompt before the next row's answer: what the student would not say

The reference point of the loss is an estimate of KL(student || reference): the mean log-ratio of those other answers, 0
where that is negative (Ethayarajh et al. 2024, section 4.1). TRL takes it from a micro batch of all workers and pairs
rows within each worker's part, so that its loss depends on how a step is shared. Here it is the mean over all rows of
the step, computed before its first micro batch, and again over all held-out rows before they are evaluated.

TRL's loss is used as it is; its constructor is not, for the reasons of :mod:`distilray.train.methods.dpo.trainer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import Sampler
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference, KTOTrainer

from distilray.train.loop.fixed_order import InOrder
from distilray.train.methods.kto.partners import PARTNER, answer_span
from distilray.train.methods.shared.referenced import ReferencedMixin, Watched

OTHER = "KL_"
"""Begins the names of a batch's tensors of other rows' answers."""


class KTOCollator:
    """TRL's batch from token rows: ``input_ids``, ``completion_mask``, ``label``, and the same with ``KL_`` of other
    rows' answers."""

    def __init__(self, pad: int) -> None:
        self.rows = DataCollatorForUnpairedPreference(pad_token_id=pad)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        return self.rows([_as_trl_reads_it(row) for row in rows])


def _as_trl_reads_it(row: Mapping[str, Any]) -> dict[str, Any]:
    ids, (start, end) = row["input_ids"], answer_span(row["labels"])
    return {
        "prompt_ids": ids[:start],
        "completion_ids": ids[start:end],
        "KL_completion_ids": row[PARTNER],
        "label": row["desirable"],
    }


class SingleAnswerTrainer(ReferencedMixin, KTOTrainer):
    """Its rows are a :class:`~distilray.train.methods.kto.partners.Partnered`, which has them in order already."""

    skipped: ClassVar = KTOTrainer
    fields: ClassVar = ("log_probs", "entropy", "mean_logits")
    zero: torch.Tensor
    """The reference point of the step, or of the evaluation: nats."""

    def as_trl_left_it(self, args: Any) -> None:
        super().as_trl_left_it(args)
        self.loss_type, self.calculate_KL = args.loss_type, True
        self.desirable_weight, self.undesirable_weight = args.desirable_weight, args.undesirable_weight

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return InOrder(np.arange(len(self.order)))

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        batches, items = super().get_batch_samples(*args, **kwargs)
        if batches:
            self.zero = self.reference_point(batches)
        return batches, items

    def evaluation_loop(self, dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        self.zero = self.reference_point(dataloader)
        return super().evaluation_loop(dataloader, *args, **kwargs)

    def reference_point(self, batches: Iterable[dict[str, Any]]) -> torch.Tensor:
        """Of all rows of ``batches`` in all workers, which call it together with equally many batches."""
        model, sums = Watched(self.model_wrapped), torch.zeros(2, device=self.args.device)
        for batch in batches:
            inputs = self._prepare_inputs(batch)
            with self.compute_loss_context_manager():
                own = super()._compute_kl_logps(model, inputs)
            assert own is not None
            ratios = own - self._of_reference(inputs, OTHER)
            sums += torch.stack([ratios.sum(), torch.ones_like(ratios).sum()])
        if dist.is_initialized():
            dist.all_reduce(sums)
        return (sums[0] / sums[1]).clamp(min=0)

    def _compute_kl_logps(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Whose mean, less the reference's, TRL takes for the reference point."""
        return self.zero.expand(len(batch["label"]))

    def _of_reference(self, inputs: dict[str, Any], prefix: str = "") -> torch.Tensor:
        assert self.reference is not None, "KTO's reference is live"
        batch = {name: inputs[prefix + name] for name in ("input_ids", "completion_mask")}
        return self.reference(self, batch).sum(1)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        theirs = self._of_reference(inputs)
        inputs = {**inputs, "ref_logps": theirs, "ref_KL_logps": torch.zeros_like(theirs)}
        watched = Watched(model)
        loss = self._compute_loss(watched, inputs, return_outputs)
        signs = 2 * inputs["label"].float() - 1
        ratios = watched.log_probs.sum(1) - theirs
        self.note_rows(-self.beta * signs * ratios, loss[0] if return_outputs else loss)
        return loss
