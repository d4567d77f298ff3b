"""Inline trace: fast thinking. The trace becomes the beginning of the answer, without a separate block (post B.22).

    reasoning "2+3 makes 5.", answer "answer: 5"  ->  answer "2+3 makes 5.\\n\\nanswer: 5"

A student trained on such rows writes its steps and then the result, as DeepSeek-V3-0324 does; one trained on rows with
``reasoning`` (and ``think: true`` in its training) thinks in a block first, as DeepSeek-R1 does. Loss is on both.
"""

from __future__ import annotations

from typing import ClassVar

from distilray.rows import Outcome, Row, kept, rejected, split_reasoning
from distilray.steps.base import Models, Step
from distilray.steps.shared.trace import inlined


class InlineTrace(Step):
    """Joins reasoning and answer into one answer, on both sides of a preference pair; rows whose answer already is
    the trace stay unchanged."""

    reads: ClassVar = ("answer",)
    writes: ClassVar = {"answer": "string", "reasoning": "string", "rejected_answer": "string"}

    async def process(self, row: Row, models: Models) -> Outcome:
        if not row["answer"]:
            return rejected("no answer")
        if not row["reasoning"]:
            return kept()
        not_chosen = row["rejected_answer"]
        if not_chosen is not None:
            trace, answer = split_reasoning(not_chosen)
            not_chosen = inlined(trace, answer) if trace else answer
        return kept(answer=inlined(row["reasoning"], row["answer"]), reasoning=None, rejected_answer=not_chosen)
