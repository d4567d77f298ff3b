"""Align trace: bring every trace to the level that a small model can follow (posts B.19-B.21).

    align_trace: {judge: judge, rewriter: judge, max_rounds: 3}

medium stays; easy is extended, hard is shortened, and the new trace has to pass both verifications (post B.20): it is
rated again, and it must still reach the right answer. This repeats until it is medium, a cap is reached, or further
rounds are clearly pointless. The direction may flip from round to round. Nothing is lost: a row that does not converge
is rejected with all its ratings and rewrites.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray.prompts import CONTINUE_TRACE, EXTEND_TRACE, RATE_TRACE, SHORTEN_TRACE, Prompt, Rating
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ModelName, ModelRole, Models
from distilray.steps.shared.demonstrations import Demonstration
from distilray.steps.shared.following import follows
from distilray.steps.shared.rating import RatingStep
from distilray.steps.shared.tokens import TokenizerPath, token_counts
from distilray.steps.shared.trace import TraceStep, conclusion_of, objection, trace_of, with_trace

NOT_IN_TIME = "not medium after the last round"
BACK_AND_FORTH = "oscillates between easy and hard"
REPEATED = "a rewrite comes again"
LOST = "rewriting loses the answer"


@dataclass
class Alignment:
    """The state of one trace so far. ``ratings[i]`` is of ``traces[i]``; all traces here reach the answer."""

    traces: list[str] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)
    rewrites: list[str] = field(default_factory=list)
    """The result of each rewrite, including those that lost the answer: ``["extended: wrong answer", "extended"]``."""
    seen: set[str] = field(default_factory=set)
    verdict: str = ""
    """The reason of the verifier's verdict on the last trace."""

    def add(self, trace: str, rating: Rating, verdict: str) -> None:
        self.seen.add(trace)
        self.traces.append(trace)
        self.ratings.append(rating)
        self.verdict = verdict

    @property
    def lost(self) -> bool:
        return bool(self.rewrites) and ":" in self.rewrites[-1]

    def columns(self) -> dict[str, Any]:
        return {
            "origin": self.ratings[0],
            "ratings": self.ratings,
            "rewrites": self.rewrites,
            "traces": self.traces,
            "rounds": len(self.rewrites),
            "verdict": self.verdict,
        }


class AlignTrace(TraceStep, RatingStep):
    """Rewrites traces until they are medium; ``origin`` says what each was at first."""

    writes: ClassVar = {
        "reasoning": "string",
        "answer": "string",
        "origin": "string",
        "ratings": "list<string>",
        "rewrites": "list<string>",
        "traces": "list<string>",
        "conclusion": "string",
        "rounds": "int",
        "trace_tokens_before": "int",
        "trace_tokens_after": "int",
        "verdict": "string",
    }

    demonstration_columns: ClassVar = ("ratings", "traces", "conclusion")

    judge: ModelName
    rewriter: ModelName
    max_rounds: Annotated[int, Field(ge=0, le=32, description="most rewrites of one trace")] = 4
    student: Annotated[
        ModelName | None,
        ModelRole(),
        Field(description="a student model that decides what is medium: a trace from which it finds the answer"),
    ] = None
    student_samples: Annotated[int, Field(ge=1, le=64, description="how often the student tries a trace")] = 4
    student_share: Annotated[float, Field(gt=0, le=1, description="share of tries that must succeed")] = 0.5
    tokenizer: Annotated[TokenizerPath | None, Field(description="the student's tokenizer, to count tokens")] = None

    async def process(self, row: Row, models: Models) -> Outcome:
        trace = trace_of(row)
        if not trace:
            return rejected("no trace")
        verdict = await self.reaches(row, trace, models)
        if verdict.right is not True:
            return rejected(objection(verdict), verdict=verdict.reason)
        state = Alignment()
        state.add(trace, await self._rating(row, trace, models), verdict.reason)
        reason = None
        while state.ratings[-1] != "medium" and reason is None:
            reason = await self._round(row, state, models)
        before, after = await token_counts(self.tokenizer, trace, state.traces[-1])
        columns: dict[str, Any] = state.columns() | {"trace_tokens_before": before, "trace_tokens_after": after}
        columns["conclusion"] = conclusion_of(row)
        if reason is not None:
            return rejected(reason, **columns)
        return kept(**with_trace(row, state.traces[-1]), **columns)

    async def _round(self, row: Row, state: Alignment, models: Models) -> str | None:
        """One rewrite and its two verifications; why another one would be pointless, or ``None``."""
        if len(state.rewrites) == self.max_rounds:
            return LOST if state.lost else NOT_IN_TIME
        prompt, action = (SHORTEN_TRACE, "shortened") if state.ratings[-1] == "hard" else (EXTEND_TRACE, "extended")
        text = await models[self.rewriter].ask(
            self.sized(prompt), row, trace=state.traces[-1], answer=conclusion_of(row)
        )
        if text in state.seen:
            state.rewrites.append(f"{action}: a text seen before")
            return LOST if text not in state.traces else REPEATED
        verdict = await self.reaches(row, text, models)
        if verdict.right is not True:
            state.seen.add(text)
            state.rewrites.append(f"{action}: {objection(verdict)}")
            return None
        state.rewrites.append(action)
        state.add(text, await self._rating(row, text, models), verdict.reason)
        return BACK_AND_FORTH if goes_back_and_forth(state.ratings) else None

    async def _rating(self, row: Row, trace: str, models: Models) -> Rating:
        """A student decides before the judge: a trace that it cannot follow although the judge rates it medium lacks
        steps.
        """
        if self.student is None:
            return (await self.rated(models[self.judge], row, trace)).word
        if await follows(self, row, trace, models, self.student, self.student_samples) >= self.student_share:
            return "medium"
        word = (await self.rated(models[self.judge], row, trace)).word
        return "easy" if word == "medium" else word

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        """Rewrites that came out medium; and every rating, if they are all the judge's."""
        traces, ratings = row["traces"], row["ratings"]
        if not traces:  # a pair that was made from an aligned row
            return
        for number, (trace, rating) in enumerate(zip(traces, ratings, strict=True)):
            asked = {"trace": trace, "answer": row["conclusion"]}
            if self.student is None:
                yield Demonstration(self.sized(RATE_TRACE), row, asked, rating)
            if rating != "medium" and ratings[number + 1 : number + 2] == ["medium"]:
                prompt = self.sized(SHORTEN_TRACE) if rating == "hard" else self.sized(EXTEND_TRACE)
                yield Demonstration(prompt, row, asked, traces[number + 1])

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        rating = (self.sized(RATE_TRACE), self.sized(SHORTEN_TRACE), self.sized(EXTEND_TRACE))
        return (*super().prompts_used(), *rating, *((CONTINUE_TRACE,) if self.student is not None else ()))


def goes_back_and_forth(ratings: Sequence[Rating]) -> bool:
    """Whether the last four ratings alternate between easy and hard: each rewrite undoes the one before."""
    last = list(ratings[-4:])
    return len(last) == 4 and last[:2] == last[2:] and {*last} == {"easy", "hard"}
