"""Separate trace: split reasoning and result where a teacher wrote both into its answer. The opposite of inline_trace.

    "2+3\\n\\nones 2+3=5\\n\\nanswer: 5"  ->  reasoning "2+3\\n\\nones 2+3=5", answer "answer: 5"

A training with two targets per row (``kind: step_by_step``) needs this.
"""

from __future__ import annotations

from typing import ClassVar

from distilray.prompts import trace_steps
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import Models, Step
from distilray.steps.shared.following import without_conclusion


class SeparateTrace(Step):
    """Takes the answer's last paragraph, and those before it that state the result too, as the answer, and the rest as
    its reasoning; rows with separate reasoning stay unchanged."""

    reads: ClassVar = ("answer",)
    writes: ClassVar = {"answer": "string", "reasoning": "string"}

    async def process(self, row: Row, models: Models) -> Outcome:
        if not row["answer"]:
            return rejected("no answer")
        if row["reasoning"]:
            return kept()
        reasoning = without_conclusion(row["answer"])
        if not reasoning:
            return rejected("nothing before its conclusion")
        conclusion = trace_steps(row["answer"])[len(trace_steps(reasoning)) :]
        return kept(reasoning=reasoning, answer="\n\n".join(conclusion))
