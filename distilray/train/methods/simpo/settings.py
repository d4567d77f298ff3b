"""The settings of SimPO, beyond those of all trainings.

    train:
      - {kind: sft, student: student, epochs: 3}
      - {kind: simpo, student: student, start_from: sft, epochs: 1}

Defaults: beta and margin of the paper's Llama-3-Base, whose ratio of a half it names as a start; its rate is 6e-7.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distilray.train.methods.dpo.settings import PAIRS
from distilray.train.settings import NAME, TrainSettings


class SimPOSettings(TrainSettings):
    """Simple preference optimisation (Meng et al. 2024): rewards are log-probabilities per token, with no reference."""

    kind: Literal["simpo"] = Field(default="simpo", description="preference optimisation without a reference")
    name: str = Field(default="simpo", pattern=NAME, description="folder below training/")
    rows: str = Field(default=PAIRS, description="which rows to train on: a condition over their columns, in SQL")
    learning_rate: float = Field(
        default=6e-7, gt=0, description="peak learning rate of AdamW; with lora the default is 6e-6"
    )
    warmup: float = Field(default=0.1, ge=0, description="warm-up steps; below 1 a share of all steps")
    beta: float = Field(default=2.0, gt=0, description="scale of the rewards: 2 to 10")
    margin: float = Field(
        default=1.0,
        ge=0,
        description="how far the chosen answer's reward should be above the rejected one's (the paper's gamma)",
    )
