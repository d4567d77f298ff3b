"""What a recipe says about supervised fine-tuning beyond what all trainings have."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from distilray.train.settings import NAME, Settings, TrainSettings

ANSWERS = "rejected_answer is null or parent is null"
"""Rows whose answer is one to learn: all but the pairs that a step made of a row, which goes on beside them."""


class LearnSettings(Settings):
    """Learn the part of a model in one of the recipe's steps, from what it was asked and replied in this run.

    learn: {step: align_trace, prompts: [shorten_trace, extend_trace]}
    """

    step: str = Field(description="name of the step, as the recipe has it")
    prompts: tuple[str, ...] = Field(default=(), description="only these of the step's prompts; default: all")


class SFTSettings(TrainSettings):
    """Supervised fine-tuning: the student learns to write what the rows answer."""

    kind: Literal["sft"] = Field(default="sft", description="supervised fine-tuning")
    name: str = Field(default="sft", pattern=NAME, description="folder below training/")
    rows: str = Field(default=ANSWERS, description="which rows to train on: a condition over their columns, in SQL")
    loss_on: Literal["assistant", "answer"] = Field(
        default="assistant", description="train on every assistant turn, or only on the last one: the answer"
    )
    packing: bool = Field(
        default=False, description="fill sequences of max_length with whole rows that cannot see each other"
    )

    learn: LearnSettings | None = Field(
        default=None,
        description="train on what a step's model was asked and replied, in place of the rows' own answers",
    )

    @model_validator(mode="after")
    def _plays_a_part(self) -> SFTSettings:
        if self.learn is None:
            return self
        if self.system is not None:
            raise ValueError(
                "system and learn do not go together: a model that plays a part in a step is asked with the step's own "
                "system prompt; leave system out"
            )
        if self.think:
            raise ValueError("think and learn do not go together: a step's replies are learned as they were read")
        return self

    @property
    def trained_turns(self) -> Literal["assistant", "answer"]:
        return self.loss_on

    @property
    def whole_rows(self) -> str | None:
        return "packing" if self.packing else None if self.kind == "sft" else super().whole_rows
