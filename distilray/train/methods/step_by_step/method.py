"""Turning a row into two targets, and their trainer.

    {"messages": [{"role": "user", "content": "What is 2 + 3?"}], "reasoning": "2 and 3 make 5.", "answer": "5"}

    label       What is 2 + 3?                                                              -> 5
    rationale   Explain step by step how to answer the following question.\\n\\nWhat is ...  -> 2 and 3 make 5.

Both are sequences of their own that cannot see each other, and stay together from the token file to the optimizer
step, so that every batch has both targets of its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from distilray.train.data.chat import ChatFormat
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.loop.context import WorkerContext
from distilray.train.methods.shared.answers import render_answer
from distilray.train.methods.shared.method import AnswerMethod
from distilray.train.methods.step_by_step.settings import StepByStepSettings
from distilray.train.methods.step_by_step.targets import LABEL, RATIONALE

if TYPE_CHECKING:
    from transformers import Trainer


class StepByStep(AnswerMethod):
    settings: ClassVar = StepByStepSettings
    description: ClassVar = "distilling step-by-step (labels and rationales)"
    reads: ClassVar = ("messages", "answer", "reasoning", "language", "label")
    needs: ClassVar = ("answer", "reasoning")
    token_columns: ClassVar = pa.schema([*AnswerMethod.token_columns, ("targets", pa.list_(pa.int8()))])
    """The label's sequence, then the rationale's; ``targets`` marks every token with its sequence."""
    sequences: ClassVar = 2
    metrics: ClassVar = {"label_loss": "label_loss", "rationale_loss": "rationale_loss"}

    def tokenize(
        self, row: Mapping[str, Any], chat: ChatFormat, settings: StepByStepSettings
    ) -> Tokens | UntrainableRow:
        if not row["reasoning"]:
            return UntrainableRow("rejected", "no reasoning")
        messages = row["messages"] or []
        label = render_answer({"messages": messages, "answer": row["answer"], "reasoning": None}, chat, settings)
        if isinstance(label, UntrainableRow):
            return label
        asked = asking_why(messages, settings.prefix(row["language"]))
        why = render_answer({"messages": asked, "answer": row["reasoning"], "reasoning": None}, chat, settings)
        if isinstance(why, UntrainableRow):
            return replace(why, reason=f"reasoning: {why.reason}")
        return Tokens(
            {
                "input_ids": [*label.values["input_ids"], *why.values["input_ids"]],
                "labels": [*label.values["labels"], *why.values["labels"]],
                "targets": [LABEL] * label.length + [RATIONALE] * why.length,
            },
            label.length + why.length,
            label.trained + why.trained,
            label.truncated or why.truncated,
        )

    def trainer(self, context: WorkerContext) -> Trainer:
        from distilray.train.methods.step_by_step.trainer import StepByStepTrainer, TargetCollator

        settings: StepByStepSettings = context.job.settings
        return StepByStepTrainer(
            **context.trainer_inputs(),
            peft_config=context.adapters,
            data_collator=TargetCollator(pad_token_id=context.tokenizer.pad_token_id, padding_free=settings.packing),
            rationale_weight=settings.rationale_weight,
        )

    def pack_to(self, settings: StepByStepSettings) -> int | None:
        """Twice ``max_length``: a row is two sequences, each of up to that many tokens."""
        return 2 * settings.max_length if settings.packing else None


def asking_why(messages: Sequence[Mapping[str, str]], prefix: str) -> list[dict[str, str]]:
    """``messages`` with ``prefix`` and a blank line before the user's last message; appended as the only user turn if
    there is none."""
    turns = [dict(turn) for turn in messages]
    last = next((turn for turn in reversed(turns) if turn["role"] == "user"), None)
    if last is None:
        return [*turns, {"role": "user", "content": prefix}]
    last["content"] = f"{prefix}\n\n{last['content']}"
    return turns
