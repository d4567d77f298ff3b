"""What a recipe says about supervised fine-tuning beyond what all trainings have."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distilray.train.settings import NAME, TrainSettings

ANSWERS = "rejected_answer is null or parent is null"
"""Rows whose answer is one to learn: all but the pairs that a step made of a row, which goes on beside them."""


class SFTSettings(TrainSettings):
    """Supervised fine-tuning: the student learns to write what the rows answer."""

    kind: Literal["sft"] = Field("sft", description="supervised fine-tuning")
    name: str = Field("sft", pattern=NAME, description="folder below training/")
    rows: str = Field(ANSWERS, description="which rows to train on: a condition over their columns, in SQL")
    loss_on: Literal["assistant", "answer"] = Field(
        "assistant", description="train on every assistant turn, or only on the last one: the answer"
    )
    packing: bool = Field(False, description="fill sequences of max_length with whole rows that cannot see each other")

    @property
    def trained_turns(self) -> Literal["assistant", "answer"]:
        return self.loss_on

    @property
    def whole_rows(self) -> str | None:
        return "packing" if self.packing else None if self.kind == "sft" else super().whole_rows
