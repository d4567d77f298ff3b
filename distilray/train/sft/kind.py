"""How rows become tokens for supervised fine-tuning, and which trainer takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.train.kind import Ended, Kind, Session, Tokens
from distilray.train.settings import IGNORED, TrainSettings
from distilray.train.sft.settings import SFTSettings

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

    from distilray.train.chat import ChatFormat


class SFT(Kind):
    settings = SFTSettings
    reads: ClassVar = ("messages", "answer", "reasoning")
    needs: ClassVar = ("answer",)
    token_columns: ClassVar = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])
    """``labels`` are -100 where nothing is trained."""

    def tokenize(self, row: Mapping[str, Any], chat: ChatFormat, settings: SFTSettings) -> Tokens | Ended:
        return render_answer(row, chat, settings)

    def arguments(self, settings: SFTSettings, common: dict[str, Any]) -> TrainingArguments:
        from trl import SFTConfig

        return SFTConfig(
            **common,
            packing=settings.packing,
            max_length=settings.max_length,
            dataset_kwargs={"skip_prepare_dataset": True},
        )

    def trainer(self, session: Session) -> Trainer:
        from distilray.train.sft.trainer import StudentTrainer

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


def render_answer(row: Mapping[str, Any], chat: ChatFormat, settings: TrainSettings) -> Tokens | Ended:
    """``input_ids`` of a row's whole conversation and ``labels`` of what the assistant says in it."""
    if not row["answer"]:
        return Ended("rejected", "no answer")
    if chat.think and not row["reasoning"]:
        return Ended("rejected", "no reasoning")
    rendered = chat.render(row["messages"] or [], row["answer"], row["reasoning"])
    ids, labels, length = rendered.input_ids, rendered.labels, len(rendered.input_ids)
    cut = length > settings.max_length
    if cut:
        if settings.long_rows == "reject":
            return Ended("rejected", "longer than max_length", length)
        ids, labels = ids[: settings.max_length], labels[: settings.max_length]
    if all(label == IGNORED for label in labels[1:]):
        return Ended("rejected", "nothing to train on", length)
    if not cut and not chat.stops(rendered):
        return Ended("failed", "its end is not trained", length)
    trained = sum(label != IGNORED for label in labels)
    return Tokens({"input_ids": ids, "labels": labels}, len(ids), trained, cut)
