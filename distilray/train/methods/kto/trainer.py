"""TRL's KTO trainer with our own reference, and the rows that its estimate of the divergence needs.

    rows          prompt 1 2, answer 3          prompt 4, answer 5 6
    input_ids     [[1, 2, 3], [4, 5, 6]]        what is judged
    KL_input_ids  [[1, 2, 5, 6], [4, 3]]        each prompt before the next row's answer: what the student would not say

TRL's loss is used as it is; its constructor is not, for the reasons of :mod:`distilray.train.methods.dpo.trainer`.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import set_seed
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference, KTOTrainer
from trl.trainer.utils import add_fused_lm_head, disable_dropout_in_model

from distilray.train.data.training_data import TrainingData
from distilray.train.loop.fixed_order import FixedOrderMixin
from distilray.train.methods.dpo.reference import Reference
from distilray.train.methods.dpo.trainer import Watched, with_adapters
from distilray.train.settings import IGNORED

FIELDS = ("log_probs", "entropy", "mean_logits")
"""Values of every completion token that TRL's loss and measures use."""


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


class SingleAnswerTrainer(FixedOrderMixin, KTOTrainer):
    model: Any

    def __init__(
        self,
        *,
        model: Any,
        args: Any,
        adapters: Any,
        reference: Reference,
        order: Any,
        feed: TrainingData,
        **kwargs: Any,
    ) -> None:
        self.take_order(order, feed)
        self.reference = reference
        set_seed(args.seed)  # adapters begin at random
        model.config.pad_token_id = kwargs["processing_class"].pad_token_id
        if adapters is not None:
            model = with_adapters(model, adapters, args)
        disable_dropout_in_model(model)
        super(KTOTrainer, self).__init__(model=model, args=args, **kwargs)
        self._as_trl_left_it(args)
        add_fused_lm_head(model if adapters is None else model.get_base_model(), outputs=FIELDS)

    def _as_trl_left_it(self, args: Any) -> None:
        """What TRL's own constructor sets and its loss reads."""
        self.ref_model, self.precompute_ref_logps = None, True  # the reference is asked before the loss
        self.loss_type, self.beta, self.calculate_KL = args.loss_type, args.beta, True
        self.desirable_weight, self.undesirable_weight = args.desirable_weight, args.undesirable_weight
        self.aux_loss_enabled = False
        self.maybe_activation_offload_context = contextlib.nullcontext()
        self._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
        self._total_train_tokens, self._tp_size, self._is_vision_dataset = 0, 1, False

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
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
