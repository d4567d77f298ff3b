"""TRL's KTO trainer with our own reference, and the rows that its estimate of the divergence needs.

    rows          prompt 1 2, answer 3          prompt 4, answer 5 6
    input_ids     [[1, 2, 3], [4, 5, 6]]        what is judged
    KL_input_ids  [[1, 2, 5, 6], [4, 3]]        each prompt before the next row's answer: what the student would not say

TRL's loss is used as it is; its constructor is not, for the reasons of :mod:`distilray.train.methods.dpo.trainer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference, KTOTrainer

from distilray.train.methods.shared.referenced import ReferencedMixin, Watched
from distilray.train.settings import IGNORED


class KTOCollator:
    """TRL's batch from token rows: ``input_ids``, ``completion_mask``, ``label``, and the same with ``KL_`` of other
    rows' answers."""

    def __init__(self, pad: int) -> None:
        self.rows = DataCollatorForUnpairedPreference(pad_token_id=pad)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        split = []
        for row in rows:
            trained = [place for place, label in enumerate(row["labels"]) if label != IGNORED]
            start, end = trained[0], trained[-1] + 1
            split.append((row["input_ids"][:start], row["input_ids"][start:end], row["desirable"]))
        others = [answer for _, answer, _ in (*split[1:], split[0])]
        return self.rows(
            [
                {"prompt_ids": prompt, "completion_ids": answer, "KL_completion_ids": other, "label": desirable}
                for (prompt, answer, desirable), other in zip(split, others, strict=True)
            ]
        )


class SingleAnswerTrainer(ReferencedMixin, KTOTrainer):
    skipped: ClassVar = KTOTrainer
    fields: ClassVar = ("log_probs", "entropy", "mean_logits")

    def as_trl_left_it(self, args: Any) -> None:
        super().as_trl_left_it(args)
        self.loss_type, self.calculate_KL = args.loss_type, True
        self.desirable_weight, self.undesirable_weight = args.desirable_weight, args.undesirable_weight

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        assert self.reference is not None, "KTO's reference is live"
        inputs = dict(inputs)
        for prefix in ("", "KL_"):
            batch = {name: inputs[prefix + name] for name in ("input_ids", "completion_mask")}
            inputs[f"ref_{prefix}logps"] = self.reference(self, batch).sum(1)
        watched = Watched(model)
        loss = self._compute_loss(watched, inputs, return_outputs)
        signs = 2 * inputs["label"].float() - 1
        ratios = watched.log_probs.sum(1) - inputs["ref_logps"]  # the last call is that of the answers themselves
        self.note_rows(-self.beta * signs * ratios, loss[0] if return_outputs else loss)
        return loss
