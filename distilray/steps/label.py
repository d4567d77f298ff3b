"""Label: a model chooses which of the recipe's labels fits a row (its task type, its difficulty).

    label: {model: judge, into: task, labels: {math: calculations and proofs, code: programs, writing: other texts}}

A classifier can be trained on these labels (``train: [{kind: classify, column: label}]``), and then labels a hundred
times as many rows for the same money, in the step ``classify``.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from distilray.prompts import Prompt, label_prompt
from distilray.rows import Outcome, Row, kept
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.labelling import LabellingStep


class Label(LabellingStep):
    """Labels every row; changes and rejects none."""

    model: ModelName
    labels: Annotated[
        dict[str, str],
        Field(min_length=2, description="labels to choose from: names, or names with their meanings"),
    ]

    @field_validator("labels", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        return dict.fromkeys(value, "") if isinstance(value, list | tuple) else value

    @field_validator("labels")
    @classmethod
    def _one_line_each(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not name or name != name.strip() or "\n" in name:
                raise ValueError(f"the label {name!r} must be one line without spaces around it")
        return value

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (label_prompt(self.labels, self.shows),)

    def columns_read(self) -> set[str]:
        return self._shown()

    def columns_written(self) -> dict[str, str]:
        return {self.into: "string"}

    async def process(self, row: Row, models: Models) -> Outcome:
        columns: dict[str, Any] = {self.into: await self.judged(models[self.model], row, self.labels)}
        return kept(**columns)
