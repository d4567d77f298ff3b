"""The settings of distillation, beyond those of all methods on answers.

train:
  - kind: distill
    student: student
    teacher: teacher            # or teachers: [{model: maths, weight: 2}, {model: chat}]
    top_k: 32
    divergence: forward_kl      # or {forward_kl: 0.5, reverse_kl: 0.5}
    kd_weight: 0.5
    epochs: 2
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from distilray.train.methods.shared.settings import AnswerSettings
from distilray.train.settings import NAME, Settings

Divergence = Literal["forward_kl", "reverse_kl", "jsd"]


class TeacherSettings(Settings):
    """One of several teachers."""

    model: str = Field(description="name of a model of the recipe, with weights here and the student's tokenizer")
    weight: float = Field(
        default=1.0, gt=0, description="share of its divergence in the sum; weights are made to add up to 1"
    )


class OnPolicySettings(Settings):
    """The student learns from its own samples, in rounds: it samples, the teachers score, it is trained."""

    rounds: int = Field(default=4, ge=1, description="rounds; the training's steps are shared evenly among them")
    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of a round's rows that the student answers; the rest keep their answers (GKD's lambda)",
    )
    temperature: float = Field(default=1.0, ge=0, le=5, description="at which the student samples")
    max_tokens: int = Field(
        default=512, ge=1, description="most tokens of a sampled answer; longer ones are trained on as truncated"
    )


class DistillSettings(AnswerSettings):
    """White-box distillation: the student learns the teachers' distributions over next tokens, not just their text."""

    kind: Literal["distill"] = Field(default="distill", description="white-box distillation")
    name: str = Field(default="distill", pattern=NAME, description="folder below training/")
    teachers: tuple[TeacherSettings, ...] = Field(
        default=(), description="models to learn from; `teacher: NAME` for one"
    )
    source: Literal["stored", "live"] = Field(
        default="stored",
        description="stored: engines score the tokens before training; live: the training's workers load the teacher",
    )
    top_k: int | None = Field(
        default=32,
        ge=1,
        le=1024,
        description="compare the k likeliest tokens, and all others as one; null, with live: the whole vocabulary",
    )
    divergence: dict[Divergence, float] = Field(
        default={"forward_kl": 1.0}, description="forward_kl, reverse_kl or jsd, or several with their weights"
    )
    beta: float = Field(
        default=0.5, gt=0, lt=1, description="of jsd: near 0 it is like forward KL, near 1 like reverse KL"
    )
    temperature: float = Field(
        default=1.0,
        gt=0,
        le=20,
        description="flattens both distributions before they are compared; other than 1 needs the whole vocabulary",
    )
    kd_weight: float = Field(
        default=0.5, gt=0, le=1, description="share of the divergence in the loss; the rest is the LM loss"
    )
    on_policy: OnPolicySettings | None = Field(default=None, description="learn from the student's own answers (GKD)")

    @model_validator(mode="before")
    @classmethod
    def _one_teacher(cls, values: Any) -> Any:
        if isinstance(values, dict) and "teacher" in values:
            values = dict(values)
            if "teachers" in values:
                raise ValueError("set either teacher or teachers")
            values["teachers"] = [{"model": values.pop("teacher")}]
        return values

    @field_validator("divergence", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {value: 1.0} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _makes_sense(self) -> DistillSettings:
        if not self.teachers:
            raise ValueError("no teacher is set; set teacher: NAME, a model of the recipe")
        names = [teacher.model for teacher in self.teachers]
        if len(set(names)) < len(names):
            raise ValueError(f"a teacher is named twice: {', '.join(names)}")
        if not self.divergence or min(self.divergence.values()) < 0 or not sum(self.divergence.values()):
            raise ValueError("divergence needs at least one weight above 0 and none below")
        if self.top_k is None and self.source == "stored":
            raise ValueError("source: stored needs top_k; the whole vocabulary (top_k: null) needs source: live")
        if self.temperature != 1 and self.top_k is not None:
            raise ValueError(
                f"temperature {self.temperature:g} with top_k {self.top_k}: all tokens beyond top_k are flattened as "
                "one, so they get a wrong share (at temperature 2 with 151,000 tokens and top_k 32 it was 4 % of the "
                "probability where the whole vocabulary gives them 89 %); set temperature: 1, or source: live with "
                "top_k: null"
            )
        if self.on_policy is not None and self.packing:
            raise ValueError("on_policy and packing cannot be combined")
        if self.on_policy is not None and (self.max_steps is None or self.max_steps % self.on_policy.rounds):
            raise ValueError(f"on_policy needs max_steps, a multiple of its {self.on_policy.rounds} rounds")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """Model to its share among the teachers."""
        total = sum(teacher.weight for teacher in self.teachers)
        return {teacher.model: teacher.weight / total for teacher in self.teachers}
