"""The settings of KTO, beyond those of all trainings.

sources:
  - {name: rated, path: rated.jsonl, keep: {label: bool}}     # prompt, completion, label: true or false
train:
  - {kind: kto, student: student, epochs: 1}
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from distilray.train.settings import NAME, TrainSettings


class KTOSettings(TrainSettings):
    """Kahneman-Tversky optimisation (Ethayarajh et al. 2024), as TRL computes it but for its reference point, which is
    the whole step's: answers need no partner."""

    kind: Literal["kto"] = Field(default="kto", description="preference optimisation on single answers")
    name: str = Field(default="kto", pattern=NAME, description="folder below training/")
    rows: str = Field(
        default="label is not null", description="which rows to train on: a condition over their columns, in SQL"
    )
    learning_rate: float = Field(
        default=1e-6, gt=0, description="peak learning rate of AdamW; with lora the default is 1e-5"
    )
    warmup: float = Field(default=0.1, ge=0, description="warm-up steps; below 1 a share of all steps")
    beta: float = Field(default=0.1, gt=0, description="how strongly the student is held to the reference")
    desirable_weight: float = Field(default=1.0, gt=0, description="weight of answers whose label is true")
    undesirable_weight: float = Field(
        default=1.0,
        gt=0,
        description="weight of answers whose label is false; the two weights, each times its rows, within 1 to 4/3",
    )

    @property
    def reference(self) -> None:
        """The reference is the student before this training, asked in every step."""
        return None

    @model_validator(mode="after")
    def _several_rows_in_a_step(self) -> KTOSettings:
        if self.batch_size < 2:
            raise ValueError(
                "batch_size 1: KTO estimates the divergence from the reference by pairing each prompt of a step with "
                "another one's answer; set batch_size: 2 or more"
            )
        return self
