"""Shorten trace: long to short (post B.17).

    shorten_trace: {model: rewriter, tokenizer: Qwen/Qwen2.5-7B, above: 2000}

A large model condenses the trace, still step by step, and the result must still follow from it. Tokens are counted as
the student will read them. The rewriter mostly copies: give it ``speculation: {method: ngram}`` in ``models``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from distilray.prompts import SHORTEN_TRACE, Prompt, trace_steps
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.demonstrations import Demonstration
from distilray.steps.shared.sizing import SizedStep
from distilray.steps.shared.tokens import TokenizerPath, token_counts
from distilray.steps.shared.trace import TraceStep, conclusion_of, objection, trace_of, with_trace

RUN_TOGETHER = "steps run together"


class ShortenTrace(TraceStep, SizedStep):
    """Condenses every trace; a rewrite that loses the answer or the steps is tried again, then the row is rejected."""

    writes: ClassVar = {
        "reasoning": "string",
        "answer": "string",
        "long_trace": "string",
        "short_trace": "string",
        "conclusion": "string",
        "trace_tokens_before": "int",
        "trace_tokens_after": "int",
        "verdict": "string",
    }
    demonstration_columns: ClassVar = ("long_trace", "short_trace", "conclusion")

    model: ModelName
    tokenizer: Annotated[TokenizerPath | None, Field(description="the student's tokenizer, to count tokens")] = None
    above: Annotated[int, Field(ge=0, description="traces of at most this many tokens stay as they are")] = 0
    tries: Annotated[int, Field(ge=1, le=16, description="rewrites tried before the row is rejected")] = 2

    @model_validator(mode="after")
    def _counted_by_someone(self) -> ShortenTrace:
        if self.above and self.tokenizer is None:
            raise ValueError("above counts the student's tokens: name its checkpoint in `tokenizer`")
        return self

    async def process(self, row: Row, models: Models) -> Outcome:
        long = trace_of(row)
        if not long:
            return rejected("no trace")
        [before] = await token_counts(self.tokenizer, long)
        if before is not None and before <= self.above:
            return kept(trace_tokens_before=before, trace_tokens_after=before)
        reason, verdict = "", None
        for _ in range(self.tries):
            short = await models[self.model].ask(self.sized(SHORTEN_TRACE), row, trace=long, answer=conclusion_of(row))
            if len(trace_steps(short)) == 1 < len(trace_steps(long)) and "\n" in short:
                reason = RUN_TOGETHER
                continue
            verdict = await self.reaches(row, short, models)
            if verdict.right is not True:
                reason = objection(verdict)
                continue
            [after] = await token_counts(self.tokenizer, short)
            if (len(short) if after is None else after) >= (len(long) if before is None else before):
                short, after = long, before  # there was nothing to condense
            return kept(
                **with_trace(row, short),
                long_trace=long,
                short_trace=short,
                conclusion=conclusion_of(row),
                trace_tokens_before=before,
                trace_tokens_after=after,
                verdict=verdict.reason,
            )
        return rejected(reason, trace_tokens_before=before, verdict=verdict.reason if verdict else None)

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        """Rewrites that are shorter; an unchanged trace demonstrates nothing."""
        long, short = row["long_trace"], row["short_trace"]
        if long and short and long != short:
            asked = {"trace": long, "answer": row["conclusion"]}
            yield Demonstration(self.sized(SHORTEN_TRACE), row, asked, short)

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (self.sized(SHORTEN_TRACE), *super().prompts_used())
