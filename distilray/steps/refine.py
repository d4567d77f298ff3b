"""Refine: an instruction is rewritten to be clearer, more demanding, deeper, or to take more thought (post A.6).

    refine: {model: teacher, aims: [constraints, reasoning], checker: judge}

The rewritten instruction takes the row's place, and its answer and reference go, since they answered the other one. One
that is in another language, of another task or hardly changed is not taken: then the row stays as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from distilray.prompts import REFINE, Prompt
from distilray.rows import Outcome, Row, content_hash, kept
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.created import CreatingStep
from distilray.steps.shared.demonstrations import Demonstration
from distilray.steps.shared.draws import draw

Aim = Literal["clarity", "constraints", "depth", "reasoning"]


class Refine(CreatingStep):
    """Rewrites the last user's turn of every row; ``refined_from`` is what it was, ``refine_problem`` why it stayed."""

    writes: ClassVar = {
        "messages": "messages",
        "content_hash": "string",
        "answer": "string",
        "reasoning": "string",
        "reference": "string",
        "refined_from": "string",
        "refine_aim": "string",
        "refine_problem": "string",
    }

    demonstration_columns: ClassVar = ("messages", "refined_from", "refine_aim")

    model: ModelName
    aims: Annotated[
        tuple[Aim, ...], Field(min_length=1, description="what to improve; each row gets one of these, always the same")
    ] = ("clarity", "constraints", "depth", "reasoning")
    share: Annotated[float, Field(gt=0, le=1, description="share of rows that are refined, always the same ones")] = 1.0
    once: Annotated[
        bool, Field(description="in a repeat: rows that an earlier round refined, or tried to, stay as they are")
    ] = False
    max_overlap: Annotated[
        float,
        Field(ge=0, le=1, description="largest share of pieces of three words in common with what it was before"),
    ] = 0.95

    async def process(self, row: Row, models: Models) -> Outcome:
        if (self.once and row["refine_aim"]) or draw(row, "refined") >= self.share:
            return kept()
        aim = self.aims[int(draw(row, "refine") * len(self.aims))]
        text = await models[self.model].ask(REFINE, row, aim=aim, guidance=self.guided(row.language))
        known = [row.instruction]
        problem = await self.objection(row, text, row.language, known, models, other_content=False)
        if problem is not None:
            return kept(refine_aim=aim, refine_problem=problem)
        messages = [*row.messages[:-1], {**row.messages[-1], "content": text}]
        return kept(
            messages=messages,
            content_hash=content_hash(messages),
            answer=None,
            reasoning=None,
            reference=None,
            refined_from=row.instruction,
            refine_aim=aim,
            refine_problem=None,
        )

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        if row["refined_from"]:
            before = row.having(messages=[*row.messages[:-1], {**row.messages[-1], "content": row["refined_from"]}])
            asked = {"aim": row["refine_aim"], "guidance": self.guided(row.language)}
            yield Demonstration(REFINE, before, asked, json.dumps({"instruction": row.instruction}, ensure_ascii=False))

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (REFINE, *self.checking_prompts(other_content=False))
