"""How rows become tokens for supervised fine-tuning, and which trainer takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.train.methods.base import Tokens, TrainingMethod, UntrainableRow, WorkerContext
from distilray.train.methods.sft.settings import SFTSettings
from distilray.train.settings import IGNORED, TrainSettings

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

    from distilray.train.data.chat import ChatFormat


class SFT(TrainingMethod):
    settings = SFTSettings
    reads: ClassVar = ("messages", "answer", "reasoning")
    needs: ClassVar = ("answer",)
    token_columns: ClassVar = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])
    """``labels`` are -100 where nothing is trained."""

    def tokenize(self, row: Mapping[str, Any], chat: ChatFormat, settings: SFTSettings) -> Tokens | UntrainableRow:
        return render_answer(row, chat, settings)

    def arguments(self, settings: SFTSettings, common: dict[str, Any]) -> TrainingArguments:
        from trl import SFTConfig

        return SFTConfig(
            **common,
            packing=settings.packing,
            max_length=settings.max_length,
            dataset_kwargs={"skip_prepare_dataset": True},
        )

    def trainer(self, session: WorkerContext) -> Trainer:
        from distilray.train.methods.sft.trainer import StudentTrainer

        return StudentTrainer(
            model=session.model,
            args=session.arguments,
            train_dataset=session.feed.train,
            eval_dataset=session.feed.held_out,
            processing_class=session.tokenizer,
            peft_config=session.adapters,
            order=session.order,
            feed=session.feed,
        )

    def pack_to(self, settings: SFTSettings) -> int | None:
        return settings.max_length if settings.packing else None


def render_answer(row: Mapping[str, Any], chat: ChatFormat, settings: TrainSettings) -> Tokens | UntrainableRow:
    """``input_ids`` of a row's whole conversation and ``labels`` of what the assistant says in it."""
    if not row["answer"]:
        return UntrainableRow("rejected", "no answer")
    if chat.think and not row["reasoning"]:
        return UntrainableRow("rejected", "no reasoning")
    rendered = chat.render(row["messages"] or [], row["answer"], row["reasoning"])
    ids, labels, length = rendered.input_ids, rendered.labels, len(rendered.input_ids)
    truncated = length > settings.max_length
    if truncated:
        if settings.long_rows == "reject":
            return UntrainableRow("rejected", "longer than max_length", length)
        ids, labels = ids[: settings.max_length], labels[: settings.max_length]
    if all(label == IGNORED for label in labels[1:]):
        return UntrainableRow("rejected", "nothing to train on", length)
    if not truncated and not chat.stops(rendered):
        return UntrainableRow("failed", "its end is not trained", length)
    trained = sum(label != IGNORED for label in labels)
    return Tokens({"input_ids": ids, "labels": labels}, len(ids), trained, truncated)
