"""Inline trace: fast thinking. The trace becomes the head of the answer, without a block of its own (post B.22).

A student trained on such rows writes its steps and then the result, as DeepSeek-V3-0324 does; one trained on rows with
``reasoning`` (and ``think: true`` in its training) thinks in a block first, as DeepSeek-R1 does. Loss is on both.
"""

from __future__ import annotations

from typing import ClassVar

from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import Models, Step
from distilray.steps.trace import inlined


class InlineTrace(Step):
    """Joins reasoning and answer into one answer; rows whose answer is the trace already stay as they are."""

    reads: ClassVar = ("answer",)
    writes: ClassVar = {"answer": "string", "reasoning": "string"}

    async def process(self, row: Row, models: Models) -> Outcome:
        if not row["answer"]:
            return rejected("no answer")
        if not row["reasoning"]:
            return kept()
        return kept(answer=inlined(row["reasoning"], row["answer"]), reasoning=None)
