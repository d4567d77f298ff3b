"""The settings of every method that trains on the rows' answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from distilray.train.settings import LearnSettings, TrainSettings

ANSWERS = "rejected_answer is null or parent is null"
"""Rows whose answer is one to learn: all but the pairs that a step derived from a row, which itself is kept too."""


class AnswerSettings(TrainSettings):
    """Which answers are trained on, and how their rows are batched."""

    rows: str = Field(default=ANSWERS, description="which rows to train on: a condition over their columns, in SQL")
    loss_on: Literal["assistant", "answer"] = Field(
        default="assistant", description="train on every assistant turn, or only on the last one: the answer"
    )
    packing: bool = Field(
        default=False, description="fill sequences of max_length with whole rows that cannot see each other"
    )
    neftune_alpha: float | None = Field(
        default=None,
        gt=0,
        description="noise on the embeddings while training, uniform up to alpha / sqrt(tokens * width): 5 to 15 "
        "(NEFTune, Jain et al. 2023)",
    )

    learn: LearnSettings | None = Field(
        default=None,
        description="train on what a step's model was asked and replied, in place of the rows' own answers",
    )

    @model_validator(mode="after")
    def _plays_a_part(self) -> AnswerSettings:
        if self.learn is None:
            return self
        if self.system is not None:
            raise ValueError(
                "system and learn cannot be combined: a model that learns a step's part is asked with the step's own "
                "system prompt; leave system out"
            )
        if self.think:
            raise ValueError("think and learn cannot be combined: a step's replies are learned as they were read")
        return self

    @property
    def demonstrations(self) -> LearnSettings | None:
        return self.learn

    @property
    def trained_turns(self) -> Literal["assistant", "answer"]:
        return self.loss_on

    @property
    def whole_rows(self) -> str | None:
        return "packing" if self.packing else super().whole_rows
