"""Classify: a trained classifier gives every row a label with its probability; rows below a threshold go to a judge, or
are rejected.

    - classify: {model: tasks, into: task, at_least: 0.8, judge: teacher}

Tasks and difficulties of a corpus cost one pass of a small encoder instead of a judge's reply a row (posts A.3, B.18:
the classes are those that a large model gave on a sample).
"""

from __future__ import annotations

from math import exp
from typing import Annotated, Any

from pydantic import Field, model_validator

from distilray.models import ModelError
from distilray.prompts import CLASSIFY, Prompt
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ClassifierName, ModelName, ModelRole, Models
from distilray.steps.shared.labelling import LabellingStep


class Classify(LabellingStep):
    """Writes the label, the classifier's probability of it, and who gave it: ``classifier`` or ``judge``."""

    model: ClassifierName
    at_least: Annotated[
        float, Field(ge=0, le=1, description="lowest probability at which the classifier's label is taken")
    ] = 0.0
    judge: Annotated[
        ModelName | None,
        ModelRole(),
        Field(description="model that labels rows below at_least; null: they are rejected"),
    ] = None

    @model_validator(mode="after")
    def _a_judge_has_something_to_do(self) -> Classify:
        if self.judge is not None and not self.at_least:
            raise ValueError("the judge labels rows below at_least, which is 0: set at_least, or leave judge out")
        return self

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (CLASSIFY,)

    def columns_read(self) -> set[str]:
        return {"messages"} | (self._shown() if self.judge is not None else set())

    def columns_written(self) -> dict[str, str]:
        return {self.into: "string", f"{self.into}_probability": "float", f"{self.into}_by": "string"}

    async def process(self, row: Row, models: Models) -> Outcome:
        [reply] = await models[self.model].replies(CLASSIFY, row)
        if not reply.logprobs:
            raise ModelError(f"{self.model} replied {reply.text[:80]!r} without probabilities: it is not a classifier")
        [known] = reply.logprobs
        if exp(known[reply.text]) >= self.at_least:
            return kept(**self._columns(reply.text, known, "classifier"))
        if self.judge is None:
            return rejected("classifier not sure", **self._columns(reply.text, known, "classifier"))
        label = await self.judged(models[self.judge], row, dict.fromkeys(sorted(known), ""))
        return kept(**self._columns(label, known, "judge"))

    def _columns(self, label: str, known: dict[str, float], by: str) -> dict[str, Any]:
        return {self.into: label, f"{self.into}_probability": exp(known[label]), f"{self.into}_by": by}
