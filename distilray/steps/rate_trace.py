"""Rate trace: is the trace easy, medium or hard, from a small model's view (post B.18)?

    rate_trace: {model: judge, votes: 3}

``align_trace`` rates for itself; this step alone measures a data set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from distilray.prompts import RATE_TRACE, Prompt
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.demonstrations import Demonstration
from distilray.steps.shared.rating import RatingStep
from distilray.steps.shared.trace import conclusion_of, trace_of


class RateTrace(RatingStep):
    """Rates every trace with exactly one word; it changes and rejects none. ``align_trace`` rates for itself."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {"rating": "string", "rating_share": "float", "rating_votes": "list<string>"}
    demonstration_columns: ClassVar = ("answer", "reasoning", "rating")

    model: ModelName

    async def process(self, row: Row, models: Models) -> Outcome:
        trace = trace_of(row)
        if not trace:
            return rejected("no trace")
        found = await self.rated(models[self.model], row, trace)
        return kept(rating=found.word, rating_share=found.share, rating_votes=list(found.votes))

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        if row["rating"]:
            asked = {"trace": trace_of(row), "answer": conclusion_of(row)}
            yield Demonstration(self.sized(RATE_TRACE), row, asked, row["rating"])

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (self.sized(RATE_TRACE),)
