"""Score trace: reasoning verbosity and cognitive difficulty, 0 to 9 each (post B.24, after OmniThought).

    score_trace: {model: judge}

``select: {match: 7B}`` later keeps the traces that suit a student of that size.
"""

from __future__ import annotations

from typing import ClassVar

from distilray.prompts import SCORE_TRACE
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ModelName, Models, Step
from distilray.steps.shared.trace import conclusion_of, trace_of


class ScoreTrace(Step):
    """Scores every trace; a reply that is not two digits in JSON is asked again, then the row fails."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {"reasoning_verbosity": "int", "cognitive_difficulty": "int"}
    prompts: ClassVar = (SCORE_TRACE,)

    model: ModelName

    async def process(self, row: Row, models: Models) -> Outcome:
        trace = trace_of(row)
        if not trace:
            return rejected("no trace")
        scores = await models[self.model].ask(SCORE_TRACE, row, trace=trace, answer=conclusion_of(row))
        return kept(reasoning_verbosity=scores.verbosity, cognitive_difficulty=scores.difficulty)
