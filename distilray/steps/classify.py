"""Classify: a trained classifier gives every row a label with its probability; rows below a threshold go to a judge, or
are rejected.

    - classify: {model: tasks, into: task, at_least: 0.8, judge: teacher}

Labelling tasks and difficulties of a corpus costs one pass of a small encoder instead of a judge's reply per row (posts
A.3, B.18: the classes are those that a large model assigned to a sample).
"""

from __future__ import annotations

from math import exp
from typing import Annotated, Any

from pydantic import Field, model_validator

from distilray.models import LabelReply
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

    def columns_read(self) -> set[str]:
        return {"messages"} | (self._shown() if self.judge is not None else set())

    def columns_written(self) -> dict[str, str]:
        return {self.into: "string", f"{self.into}_probability": "float", f"{self.into}_by": "string"}

    async def process(self, row: Row, models: Models) -> Outcome:
        found = await models[self.model].classify(row)
        if exp(found.log_probs[found.label]) >= self.at_least:
            return kept(**self._columns(found.label, found, "classifier"))
        if self.judge is None:
            return rejected("classifier not sure", **self._columns(found.label, found, "classifier"))
        label = await self.judged(models[self.judge], row, dict.fromkeys(sorted(found.log_probs), ""))
        return kept(**self._columns(label, found, "judge"))

    def _columns(self, label: str, found: LabelReply, by: str) -> dict[str, Any]:
        return {self.into: label, f"{self.into}_probability": exp(found.log_probs[label]), f"{self.into}_by": by}
