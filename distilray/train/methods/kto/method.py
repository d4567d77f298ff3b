"""KTO: rows with an answer and a ``label``, true for good and false for bad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.train.data.chat import ChatFormat
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.loop.context import WorkerContext
from distilray.train.memory.estimate import Costs
from distilray.train.methods.base import TrainingMethod
from distilray.train.methods.kto.settings import KTOSettings
from distilray.train.methods.shared.answers import render_answer
from distilray.train.methods.shared.passes import too_many_passes

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments


class KTO(TrainingMethod):
    settings: ClassVar = KTOSettings
    description: ClassVar = "preference optimisation on single answers (KTO)"
    reads: ClassVar = ("messages", "answer", "reasoning", "label")
    needs: ClassVar = ("answer", "label")
    token_columns: ClassVar = pa.schema(
        [("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32())), ("desirable", pa.bool_())]
    )
    """``labels`` are -100 before the answer."""
    sequences: ClassVar = 2
    """The answer, and another row's after the same prompt."""
    metrics: ClassVar = {
        "rewards/chosen": "reward_chosen",
        "rewards/rejected": "reward_rejected",
        "rewards/margins": "margin",
        "logps/chosen": "log_prob_chosen",
        "logps/rejected": "log_prob_rejected",
        "kl": "kl",
    }

    def tokenize(self, row: Mapping[str, Any], chat: ChatFormat, settings: KTOSettings) -> Tokens | UntrainableRow:
        if not isinstance(row["label"], bool):
            return UntrainableRow("failed", "its label is neither true nor false")
        tokens = render_answer(row, chat, settings)
        if isinstance(tokens, Tokens):
            tokens.values["desirable"] = row["label"]
        return tokens

    def warnings(self, settings: KTOSettings, rows: int | None, *, at_most: bool = False) -> list[str]:
        return too_many_passes(settings, rows, at_most=at_most)

    def costs(self, settings: KTOSettings) -> Costs:
        # A student with adapters is its own reference without them.
        beside = (settings.student,) if settings.lora is None else ()
        return Costs(sequences=self.sequences, beside=beside, reference=True)

    def arguments(self, settings: KTOSettings, common: dict[str, Any]) -> TrainingArguments:
        from trl import KTOConfig

        return KTOConfig(
            **common,
            beta=settings.beta,
            desirable_weight=settings.desirable_weight,
            undesirable_weight=settings.undesirable_weight,
            max_length=None,
            remove_unused_columns=False,
            train_sampling_strategy="sequential",
        )

    def trainer(self, context: WorkerContext) -> Trainer:
        import numpy as np

        from distilray.train.methods.dpo.reference import live_reference
        from distilray.train.methods.kto.partners import Partnered
        from distilray.train.methods.kto.trainer import KTOCollator, SingleAnswerTrainer

        inputs, held_out = context.trainer_inputs(), context.feed.held_out
        inputs["train_dataset"] = Partnered(context.feed.train, context.order, context.job.settings.batch_size)
        if held_out is not None:
            inputs["eval_dataset"] = Partnered(held_out, np.arange(len(held_out)), len(held_out))
        return SingleAnswerTrainer(
            **inputs,
            data_collator=KTOCollator(context.tokenizer.pad_token_id),
            adapters=context.adapters,
            reference=live_reference(context),
        )
