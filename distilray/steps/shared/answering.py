"""How a teacher is asked for an answer: in the style that the row's task wants, or that the recipe names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from distilray.models import Reply
from distilray.prompts import ANSWER, STYLED_ANSWER, Prompt, Style, style_of
from distilray.rows import Row
from distilray.steps.base import Model, Step


class AnsweringStep(Step):
    """A step in which a teacher answers."""

    style: Annotated[
        Style | Literal["by_task"] | None,
        Field(
            description="how the teacher answers: a style, or by_task; null: by task too, with a fixed mark before a "
            "result, as the practice world's models know it"
        ),
    ] = None

    @property
    def answer_prompt(self) -> Prompt[str]:
        return ANSWER if self.style is None else STYLED_ANSWER

    async def answered(self, model: Model, row: Row, n: int = 1) -> list[Reply]:
        """``n`` answers of ``model`` to ``row``, whole or cut."""
        variables: dict[str, Any] = {}
        if self.style is not None:
            variables["style"] = style_of(row.task) if self.style == "by_task" else self.style
        return await model.replies(self.answer_prompt, row, n=n, **variables)
