"""Turning rows into tokens for the methods that train on answers, and their trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.rows import label_of
from distilray.train.data.chat import ChatFormat
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.loop.context import WorkerContext
from distilray.train.methods.base import TrainingMethod
from distilray.train.methods.shared.answers import BAD, render_answer
from distilray.train.methods.shared.settings import AnswerSettings

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments


class AnswerMethod(TrainingMethod):
    """The loss is the mean over the tokens that the assistant writes."""

    reads: ClassVar = ("messages", "answer", "reasoning", "label")
    needs: ClassVar = ("answer",)
    token_columns: ClassVar = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])
    """``labels`` are -100 where nothing is trained."""

    def refusal(self, row: Mapping[str, Any], settings: AnswerSettings) -> str | None:
        return super().refusal(row, settings) or (BAD if label_of(row) is False else None)

    def tokenize(self, row: Mapping[str, Any], chat: ChatFormat, settings: AnswerSettings) -> Tokens | UntrainableRow:
        return render_answer(row, chat, settings)

    def arguments(self, settings: AnswerSettings, common: dict[str, Any]) -> TrainingArguments:
        from trl import SFTConfig

        return SFTConfig(
            **common,
            packing=settings.packing,
            max_length=settings.max_length,
            neftune_noise_alpha=settings.neftune_alpha,
            dataset_kwargs={"skip_prepare_dataset": True},
        )

    def trainer(self, context: WorkerContext) -> Trainer:
        from distilray.train.methods.shared.trainer import StudentTrainer

        return StudentTrainer(**context.trainer_inputs(), peft_config=context.adapters)

    def pack_to(self, settings: AnswerSettings) -> int | None:
        return settings.max_length if settings.packing else None
