"""The settings of distilling step-by-step, beyond those of all methods on answers.

train:
  - kind: step_by_step
    student: student
    epochs: 2
    rationale_weight: 0.5
    rationale_prefix: {en: "Explain how to answer this question.", zh: "请解释如何回答这个问题。"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator

from distilray.train.methods.shared.settings import AnswerSettings
from distilray.train.settings import NAME

RATIONALE_PREFIX: dict[str, str] = {
    "en": "Explain step by step how to answer the following question.",
    "zh": "请逐步说明如何回答下面的问题。",
}
"""The prompt for the reasoning, by the language of the row."""


class StepByStepSettings(AnswerSettings):
    """Distilling step-by-step (Hsieh et al. 2023, arXiv 2305.02301): answer and reasoning as two tasks of one student.

    The loss of a step is ``label loss + rationale_weight * rationale loss``, each the mean over the tokens that its
    target has in the whole batch. The answer is asked for by the question alone, just as the student is asked in
    evaluation and service, so there it gives the answer without reasoning; the reasoning is asked for by a prefix
    before the question.
    """

    kind: Literal["step_by_step"] = Field(default="step_by_step", description="distilling step-by-step")
    name: str = Field(default="step_by_step", pattern=NAME, description="folder below training/")
    loss_on: Literal["answer"] = Field(
        default="answer", description="train on the last turn: the answer, or the reasoning"
    )
    rationale_weight: float = Field(
        default=1.0,
        ge=0,
        description="weight of the rationale loss; that of the label loss is 1. 0 trains on labels alone",
    )
    rationale_prefix: dict[str, str] = Field(
        default=RATIONALE_PREFIX,
        description="prefix of the question that asks for the reasoning, by language; `en` serves all others",
    )

    @field_validator("rationale_prefix")
    @classmethod
    def _told_apart(cls, prefixes: Mapping[str, str]) -> Mapping[str, str]:
        if "en" not in prefixes:
            raise ValueError("rationale_prefix needs a text for `en`, the default of languages that have none")
        for language, text in prefixes.items():
            if not text.strip():
                raise ValueError(
                    f"rationale_prefix.{language} is empty, so answer and reasoning would have the same "
                    f"prompt; set for example {RATIONALE_PREFIX.get(language, RATIONALE_PREFIX['en'])!r}"
                )
        return prefixes

    @model_validator(mode="after")
    def _label_alone(self) -> StepByStepSettings:
        if self.think:
            raise ValueError(
                "think: true puts the reasoning before the answer, but here the answer stands alone and the reasoning "
                "is a task of its own; leave think out, or use kind: sft"
            )
        if self.learn is not None:
            raise ValueError("learn needs kind: sft; a step's reply has no separate rationale")
        return self

    def prefix(self, language: str | None) -> str:
        """The prompt for the reasoning in ``language`` (ISO 639-1; None where it is not known)."""
        return self.rationale_prefix.get(language or "en") or self.rationale_prefix["en"]
