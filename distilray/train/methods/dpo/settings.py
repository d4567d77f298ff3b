"""The settings of preference optimisation, beyond those of all trainings.

    train:
      - {kind: sft, student: student, epochs: 3}
      - {kind: dpo, student: student, start_from: sft, epochs: 1, beta: 0.1}

Methods that are settings of this one:

* **CogPO** (Cai et al. 2025): each pair has a beta of its own, in the column ``beta`` that ``cognitive_pairs`` writes.
* **DPKD** (Li et al. 2024): the reference is the teacher, not the student before training, so the log-ratio that DPO
  compares is the student's divergence from the teacher; chosen is what the teacher wrote, rejected what the student
  did: ``reference: teacher, loss: sigmoid_norm`` (per token, since the two differ in length).
* **RPO** and other mixes: ``loss: {sigmoid: 1, sft: 0.2}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from distilray.train.settings import NAME, TrainSettings

PAIRS = "rejected_answer is not null"

Loss = Literal[
    "sigmoid", "sigmoid_norm", "hinge", "ipo", "robust", "exo_pair", "nca_pair", "bco_pair", "sppo_hard",
    "apo_zero", "apo_down", "discopop", "aot", "aot_unpaired", "sft",
]  # fmt: skip
"""TRL's names."""
SORTING = {"aot", "aot_unpaired"}
"""Losses that compare sorted log-ratios, which would mix one pair's own beta with another's."""
PER_TOKEN = "sigmoid_norm"
PER_TOKEN_BETA = 5.0
"""open-instruct's for ``dpo_norm``: log-ratios per token are some hundred times smaller than a row's."""
LEAST_PER_TOKEN_BETA = 0.5
SMOOTHED = {"robust", "exo_pair"}


class DPOSettings(TrainSettings):
    """Direct preference optimisation (Rafailov et al. 2023) and its variants, as TRL computes them."""

    kind: Literal["dpo"] = Field(default="dpo", description="preference optimisation")
    name: str = Field(default="dpo", pattern=NAME, description="folder below training/")
    rows: str = Field(default=PAIRS, description="which rows to train on: a condition over their columns, in SQL")
    learning_rate: float = Field(
        default=1e-6, gt=0, description="peak learning rate of AdamW; with lora the default is 1e-5"
    )
    warmup: float = Field(default=0.1, ge=0, description="warm-up steps; below 1 a share of all steps")
    loss: dict[Loss, float] = Field(
        default={"sigmoid": 1.0}, description="TRL's name of the loss, or several with weights"
    )
    beta: float = Field(
        default=0.1,
        gt=0,
        description="how strongly the student is held to the reference (ipo: tau); the default is 5 with sigmoid_norm",
    )
    row_beta: bool = Field(
        default=True,
        description="rows that have a `beta` of their own take it (CogPO); false, the default with sigmoid_norm: all "
        "take beta",
    )
    ld_alpha: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="what tokens count beyond the shorter answer's length, against length bias (LD-DPO, Liu et al. "
        "2024); null: 1",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="assumed share of pairs whose answers are swapped; robust, exo_pair"
    )
    reference: str | None = Field(
        default=None,
        description="model that the student is held to: one of the recipe (DPKD); null: itself before this training",
    )
    reference_by: Literal["workers", "engines", "live"] = Field(
        default="workers",
        description="its log-probabilities: computed once before training, by the training's workers or by an engine "
        "pool, and stored with the tokens; or live in each step, by a sharded copy",
    )

    @field_validator("loss", mode="before")
    @classmethod
    def _one_loss(cls, value: Any) -> Any:
        return {value: 1.0} if isinstance(value, str) else value

    @classmethod
    def defaults(cls, written: Mapping[str, Any]) -> dict[str, Any]:
        loss = written.get("loss")
        named = loss == PER_TOKEN or (isinstance(loss, Mapping) and PER_TOKEN in loss)
        return super().defaults(written) | ({"beta": PER_TOKEN_BETA, "row_beta": False} if named else {})

    @model_validator(mode="after")
    def _losses_can_be_computed(self) -> DPOSettings:
        if not self.loss or min(self.loss.values()) <= 0:
            raise ValueError("loss: name at least one, with weights above 0")
        if self.row_beta and SORTING & set(self.loss):
            raise ValueError(
                f"loss {'/'.join(sorted(SORTING & set(self.loss)))} has one beta for all: set row_beta: false"
            )
        if PER_TOKEN in self.loss and self.beta < LEAST_PER_TOKEN_BETA:
            raise ValueError(
                f"beta {self.beta:g} with loss {PER_TOKEN}, which compares log-ratios per token: a gap of 1 nat per "
                "token would still leave beta 0.1 a loss of 0.644, so nothing holds the student back; set beta: "
                f"{PER_TOKEN_BETA:g} or leave it out"
            )
        four_bits = self.lora is not None and self.lora.quantize
        if four_bits and self.reference is None and self.reference_by == "engines":
            raise ValueError(
                "reference_by: engines with lora.quantize: engines read the student's weights unrounded, so it would "
                "differ from its reference before the first step; set reference_by: workers or live"
            )
        if SMOOTHED & set(self.loss) and self.label_smoothing == 0:
            raise ValueError("robust and exo_pair need label_smoothing above 0 (robust: 0.1, exo_pair: 0.001)")
        if self.label_smoothing and not (SMOOTHED | SORTING) & set(self.loss):
            raise ValueError("label_smoothing needs a loss among robust, exo_pair and aot; the chosen loss ignores it")
        return self
