"""Localize: an instruction of the same type of task in another language, with other content and with what people who
speak it know (posts A.5, A.6).

    localize: {model: {by: language, choose: {en: qwen_max}, otherwise: gpt4}, into: {en: zh}, checker: qwen_max}

It is no translation: a Chinese instruction asks what somebody in China would ask. In a ``repeat`` with ``balance`` it
fills the language that has fewer rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray.prompts import LOCALIZE, TASK_TYPES, Prompt
from distilray.rows import Outcome, Row, kept
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.created import CreatingStep, born
from distilray.steps.shared.demonstrations import Demonstration

MOST = 16
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]


class Localize(CreatingStep):
    """Makes a new row, in another language, of every row whose language ``into`` names; the row itself stays
    as it is. As many as ``to_localize`` says where a ``balance`` before it asked for some. Why the last one was dropped
    is in ``localize_problem``."""

    writes: ClassVar = {"localized": "int", "localize_problem": "string"}
    most_children: ClassVar = MOST
    demonstration_columns: ClassVar = ("task", "language")

    model: ModelName
    into: Annotated[
        dict[Language, Language],
        Field(min_length=1, description="language of a row to that of its new row: {en: zh}; others are left alone"),
    ]
    tries: Annotated[int, Field(ge=1, le=8, description="how often a new instruction is asked for")] = 2

    async def process(self, row: Row, models: Models) -> Outcome:
        language = self.into.get(row.language)
        wanted = 1 if row["to_localize"] is None else min(row["to_localize"], MOST)
        if language is None or not wanted:
            return kept()
        known, before, problem = [row.instruction], row["localized"] or 0, None
        children: list[Row] = []
        for _ in range(wanted):
            text, problem = await self._written(row, language, known, models)
            if problem is not None:
                break
            known.append(text)
            number = before + len(children)
            children.append(born(row, "localize", number, text, language, self.inherit))
        return kept(children=children, localized=before + len(children), localize_problem=problem)

    async def _written(self, row: Row, language: str, known: list[str], models: Models) -> tuple[str, str | None]:
        """The last instruction that was tried, and what is wrong with it."""
        task = row["task"] if row["task"] in TASK_TYPES else None
        there, guidance = row.having(language=language), self.guided(language)  # asked in the language that is wanted
        text, problem = "", None
        for _ in range(self.tries):
            text = await models[self.model].ask(LOCALIZE, there, task=task, guidance=guidance)
            problem = await self.objection(row, text, language, known, models)
            if problem is None:
                break
        return text, problem

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        if parent is not None and row.id.startswith(f"{parent.id}/localize."):
            task = parent["task"] if parent["task"] in TASK_TYPES else None
            asked = {"task": task, "guidance": self.guided(row.language)}
            there = parent.having(language=row.language)
            yield Demonstration(
                LOCALIZE, there, asked, json.dumps({"instruction": row.instruction}, ensure_ascii=False)
            )

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (LOCALIZE, *self.checking_prompts())
