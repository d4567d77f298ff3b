"""Verify quality: a large model's last look at every instruction and answer before training (post A.11).

    verify_quality: {model: judge, answer_at: 7}

A row leaves for a fault that the judge names, or for a score below a threshold; its reasons stay in the row either way.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from distilray.prompts import VERIFY_QUALITY, Problem
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ModelName, Models, Step


class VerifyQuality(Step):
    """Keeps rows whose instruction and answer are good enough."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {
        "quality_reasons": "string",
        "quality_problems": "list<string>",
        "instruction_quality": "int",
        "answer_quality": "int",
    }
    prompts: ClassVar = (VERIFY_QUALITY,)
    score_columns: ClassVar = ("instruction_quality", "answer_quality")

    model: ModelName
    instruction_at: Annotated[int, Field(ge=0, le=9, description="lowest score of an instruction that is kept")] = 5
    answer_at: Annotated[int, Field(ge=0, le=9, description="lowest score of an answer that is kept")] = 7
    tolerated: Annotated[tuple[Problem, ...], Field(description="faults that alone reject no row")] = ()

    async def process(self, row: Row, models: Models) -> Outcome:
        if not row["answer"]:
            return rejected("no answer")
        found = await models[self.model].ask(VERIFY_QUALITY, row, answer=row["answer"])
        columns = {
            "quality_reasons": found.reasons,
            "quality_problems": list(found.problems),
            "instruction_quality": found.instruction,
            "answer_quality": found.answer,
        }
        faults = [problem for problem in found.problems if problem not in self.tolerated]
        if faults:
            return rejected(faults[0], **columns)
        if found.instruction < self.instruction_at:
            return rejected(f"instruction below {self.instruction_at}", **columns)
        if found.answer < self.answer_at:
            return rejected(f"answer below {self.answer_at}", **columns)
        return kept(**columns)
