"""Expand: new instructions of the same type of task, with other content (post A.6).

    expand: {model: teacher, n: 3, checker: judge}

Each new instruction is a child row, if it is in the parent's language and of its task, and no near-copy of the parent,
of another child or of an example. What was dropped, and why, is in the parent's ``expand_problems``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray.prompts import EXPAND, Prompt
from distilray.rows import Outcome, Row, kept
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.created import CreatingStep, born
from distilray.steps.shared.demonstrations import Demonstration

MOST = 16


class Expand(CreatingStep):
    """Makes up to ``n`` new rows of every row, which itself stays as it is; as many as ``to_expand`` says where a
    ``balance`` before it asked for some."""

    writes: ClassVar = {"expanded": "int", "expand_problems": "list<string>"}
    most_children: ClassVar = MOST
    demonstration_columns: ClassVar = ("task", "language")

    model: ModelName
    n: Annotated[int, Field(ge=1, le=MOST, description="new instructions asked for in one call")] = 3
    examples: Annotated[
        tuple[str, ...], Field(description="further instructions shown as models of what is wanted")
    ] = ()

    async def process(self, row: Row, models: Models) -> Outcome:
        wanted = self.n if row["to_expand"] is None else min(row["to_expand"], MOST)
        if not wanted:
            return kept()
        guidance = self.guided(row.language)
        written = await models[self.model].ask(EXPAND, row, n=wanted, examples=self.examples, guidance=guidance)
        known = [row.instruction, *self.examples]
        children: list[Row] = []
        problems: list[str] = []
        before = row["expanded"] or 0  # in the rounds of a repeat, so that no id comes twice
        for text in written[:wanted]:
            problem = await self.objection(row, text, row.language, known, models)
            if problem is not None:
                problems.append(problem)
                continue
            known.append(text)
            children.append(born(row, "expand", before + len(children), text, row.language, self.inherit))
        return kept(children=children, expanded=before + len(children), expand_problems=problems)

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        """Of each child, as if it alone had been asked for."""
        if parent is not None and row.id.startswith(f"{parent.id}/expand."):
            asked = {"n": 1, "examples": self.examples, "guidance": self.guided(row.language)}
            yield Demonstration(
                EXPAND, parent, asked, json.dumps({"instructions": [row.instruction]}, ensure_ascii=False)
            )

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (EXPAND, *self.checking_prompts())
