"""Localize: an instruction of the same type of task in another language, with other content and with what people who
speak it know (posts A.5, A.6).

    localize: {model: {by: language, choose: {en: qwen_max}, otherwise: gpt4}, into: {en: zh}, checker: qwen_max}

It is no translation: a Chinese instruction asks what somebody in China would ask. In a ``repeat`` with ``balance`` it
fills the language that has fewer rows.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray.prompts import LOCALIZE, TASK_TYPES, Prompt
from distilray.rows import Outcome, Row, kept
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.created import CreatingStep, asked_for, born

Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]


class Localize(CreatingStep):
    """Makes a new row, in another language, of every row whose language ``into`` names; the row itself stays
    as it is. After a ``balance`` that asks for new rows, only rows that it names are asked. Why a new instruction was
    dropped is in ``localize_problem``."""

    writes: ClassVar = {"localized": "int", "localize_problem": "string"}
    most_children: ClassVar = 1

    model: ModelName
    into: Annotated[
        dict[Language, Language],
        Field(min_length=1, description="language of a row to that of its new row: {en: zh}; others are left alone"),
    ]
    tries: Annotated[int, Field(ge=1, le=8, description="how often a new instruction is asked for")] = 2

    async def process(self, row: Row, models: Models) -> Outcome:
        language = self.into.get(row.language)
        if language is None or not asked_for(row, "to_localize", 1):
            return kept()
        task = row["task"] if row["task"] in TASK_TYPES else None
        there = row.having(language=language)  # asked in the language that is wanted
        guidance, before, problem = self.guided(language), row["localized"] or 0, None
        for _ in range(self.tries):
            text = await models[self.model].ask(LOCALIZE, there, task=task, guidance=guidance)
            problem = await self.objection(row, text, language, [row.instruction], models)
            if problem is None:
                child = born(row, "localize", before, text, language, self.inherit)
                return kept(children=[child], localized=before + 1, localize_problem=None)
        return kept(localized=before, localize_problem=problem)

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (LOCALIZE, *self.checking_prompts())
