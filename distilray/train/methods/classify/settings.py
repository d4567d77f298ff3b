"""The settings of fitting a classifier, beyond those of all trainings.

models:
  tasks: {kind: classifier, path: FacebookAI/xlm-roberta-base}
train:
  - {kind: classify, student: tasks, column: label, epochs: 3}
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from distilray.checkpoints import Part
from distilray.train.settings import NAME, TrainSettings


class ClassifySettings(TrainSettings):
    """A sequence classifier (``AutoModelForSequenceClassification``) on the labels in a column of the rows."""

    kind: Literal["classify"] = Field(default="classify", description="a sequence classifier")
    name: str = Field(default="classify", pattern=NAME, description="folder below training/")
    rows: str = Field(default="true", description="which rows to train on: a condition over their columns, in SQL")
    column: str = Field(description="column that holds a row's label: words, whole numbers or true and false")
    labels: tuple[str, ...] | None = Field(
        default=None, description="labels to learn, rows with others are rejected; null: all that the rows have, sorted"
    )
    reads: tuple[Part, ...] = Field(
        default=("conversation",), min_length=1, description="parts of a row that it sees, in this order"
    )
    class_weights: Literal["balanced"] | dict[str, float] | None = Field(
        default=None,
        description="weight of each label's rows in the loss; balanced: rows of the training set over rows of the "
        "label; labels that a mapping leaves out weigh 1",
    )
    max_length: int = Field(default=512, ge=8, description="most tokens of one row")
    holdout: float = Field(default=0.1, ge=0, lt=1, description="share of the rows held out of training, chosen by id")
    evaluate_every: int | None = Field(default=100, ge=1, description="steps between evaluations on held-out rows")

    @field_validator("labels")
    @classmethod
    def _several_labels(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (len(value) < 2 or len(set(value)) < len(value)):
            raise ValueError(f"name two labels or more, each once, not {list(value)}")
        return value

    @field_validator("reads")
    @classmethod
    def _each_part_once(cls, value: tuple[Part, ...]) -> tuple[Part, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"name each part once, not {list(value)}")
        return value

    @model_validator(mode="after")
    def _weights_of_labels(self) -> ClassifySettings:
        if isinstance(self.class_weights, dict):
            for label, weight in self.class_weights.items():
                if weight <= 0:
                    raise ValueError(f"class_weights: the weight of {label!r} is {weight:g}; weights must be above 0")
                if self.labels is not None and label not in self.labels:
                    raise ValueError(f"class_weights: {label!r} is not in the labels {list(self.labels)}")
        if self.system is not None or self.think:
            raise ValueError(
                "system and think are settings of students that answer; a classifier reads what `reads` names"
            )
        return self
