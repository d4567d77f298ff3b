"""Common parts of steps that label rows: the column they write, and what is shown to a judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from distilray.checkpoints import Part
from distilray.prompts import label_prompt
from distilray.rows import CORE, Row
from distilray.steps.base import Model, Step

OVERWRITTEN = ("task", "language")
"""Core columns that are labels, so that a step may write them."""
COLUMNS = {"conversation": "messages", "reasoning": "reasoning", "answer": "answer"}


class LabellingStep(Step):
    """A step that gives each row one label."""

    into: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="column that the label is written to")] = (
        "label"
    )
    shows: Annotated[
        tuple[Part, ...], Field(min_length=1, description="parts of a row that are shown to a judge, in this order")
    ] = ("conversation",)

    @field_validator("into")
    @classmethod
    def _a_column_for_labels(cls, value: str) -> str:
        if value in CORE.names and value not in OVERWRITTEN:
            raise ValueError(f"{value!r} is a core column of every row; write labels to another column, or to task")
        if value in ("row", "children"):
            raise ValueError(f"{value!r} is reserved in a step's outcome; choose another name")
        return value

    async def judged(self, model: Model, row: Row, labels: Mapping[str, str]) -> str:
        """The label that ``model`` assigns to ``row``. Raises :class:`~distilray.models.BadReply` if it assigns
        none.
        """
        return await model.ask(label_prompt(labels, self.shows), row)

    def _shown(self) -> set[str]:
        return {COLUMNS[part] for part in self.shows}
