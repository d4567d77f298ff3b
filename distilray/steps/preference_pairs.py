"""Preference pairs: a right answer over the student's own wrong one, for the student as it is trained so far.

    preference_pairs: {model: learner, samples: 8}                    # the row's answer over the student's
    preference_pairs: {model: learner, samples: 8, chosen: own}       # the student's right answer over its wrong one

The student answers each question ``samples`` times, and a verifier or a judge scores what it wrote. The row then has
both sides of a pair: ``answer`` (and ``reasoning``) is chosen, ``rejected_answer`` is the student's lower answer. Pairs
that the student writes itself show it what it does wrong now; pairs that it already ranks right have nothing to teach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from distilray.models import Reply
from distilray.prompts import PLAIN, Prompt
from distilray.rows import MalformedRecord, Outcome, Row, join_reasoning, kept, rejected
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.overlap import overlap
from distilray.steps.shared.reasoning import split_reply
from distilray.steps.shared.trace import TraceStep


@dataclass(frozen=True)
class Candidate:
    """One side of a pair, with its score from 0 to 1."""

    reasoning: str | None
    answer: str
    score: float


class PreferencePairs(TraceStep):
    """Makes one pair of a row and the student's answers. The reason of a row without one is the guard that its
    likeliest pair failed: ``both right``, ``both wrong``, ``the chosen answer is wrong``, ``scores too close``,
    ``chosen equals rejected``, ``near-identical``, ``lengths too different``, ``cannot be verified``, ``no answer``, or
    why what the student wrote is no answer. An answer that was cut by length, or whose thoughts have no end, is on
    neither side: its end would be learned as one."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = {
        "answer": "string",
        "reasoning": "string",
        "rejected_answer": "string",
        "student_score": "float",
        "pair_problem": "string",
    }

    model: Annotated[ModelName, Field(description="the student: a model, or a training earlier among the steps")]
    samples: Annotated[int, Field(ge=1, le=64, description="answers of the student to each question")] = 8
    chosen: Annotated[
        Literal["row", "own"],
        Field(description="what is chosen: the row's answer (the teacher's), or the student's own best one"),
    ] = "row"
    right_at: Annotated[float, Field(gt=0, le=1, description="lowest score of a chosen answer")] = 7 / 9
    min_gap: Annotated[
        float, Field(gt=0, le=1, description="least difference in score; a verifier gives 0 or 1, a checker ninths")
    ] = 0.3
    max_overlap: Annotated[
        float,
        Field(gt=0, le=1, description="largest share of pieces of three words that both texts may have in common"),
    ] = 0.9
    max_length_ratio: Annotated[
        float, Field(ge=1, description="most times that one text may be as long as the other, in characters")
    ] = 4.0
    unpaired: Annotated[
        Literal["reject", "keep"],
        Field(description="rows without a pair: rejected, or kept without a rejected_answer (for the next round)"),
    ] = "reject"

    def columns_read(self) -> set[str]:
        return {*self.reads, *(("answer",) if self.chosen == "row" else ())}

    async def process(self, row: Row, models: Models) -> Outcome:
        replies = await models[self.model].replies(PLAIN, row, n=self.samples)
        own, problems = [], []
        for reply in replies:
            made = await self._candidate(row, reply, models)
            if isinstance(made, Candidate):
                own.append(made)
            else:
                problems.append(made)
        scores: dict[str, Any] = {"student_score": sum(made.score for made in own) / len(replies) if own else None}
        if not own:
            return self._without(problems[0], scores)
        best = max(own, key=lambda made: made.score) if self.chosen == "own" else await self._of_row(row, models)
        if isinstance(best, str):
            return self._without(best, scores)
        problem = ""
        for worse in sorted(own, key=lambda made: made.score):
            found = self._problem(best, worse)
            if found is None:
                return kept(
                    answer=best.answer,
                    reasoning=best.reasoning,
                    rejected_answer=join_reasoning(worse.reasoning, worse.answer),
                    pair_problem=None,
                    **scores,
                )
            problem = problem or found
        return self._without(problem, scores)

    def _without(self, problem: str, columns: dict[str, Any]) -> Outcome:
        if self.unpaired == "keep":
            return kept(rejected_answer=None, pair_problem=problem, **columns)
        return rejected(problem, pair_problem=problem, **columns)

    async def _candidate(self, row: Row, reply: Reply, models: Models) -> Candidate | str:
        """A whole answer of the student with its score, or why there is none."""
        if reply.finish_reason == "length":
            return "cut by length"
        try:
            reasoning, answer = split_reply(reply)
        except MalformedRecord as malformed:
            return str(malformed)
        if not answer:
            return "empty answer"
        score, _ = await self.score(row, answer, models)
        return "cannot be verified" if score is None else Candidate(reasoning, answer, score)

    async def _of_row(self, row: Row, models: Models) -> Candidate | str:
        if not row["answer"]:
            return "no answer"
        score, _ = await self.score(row, row["answer"], models)
        return "cannot be verified" if score is None else Candidate(row["reasoning"], row["answer"], score)

    def _problem(self, better: Candidate, worse: Candidate) -> str | None:
        """Why these two are no pair; None if they are."""
        if better.score < self.right_at:
            return "both wrong" if worse.score < self.right_at else "the chosen answer is wrong"
        if better.score - worse.score < self.min_gap:
            return "both right" if worse.score >= self.right_at else "scores too close"
        thinks = better.reasoning is not None and worse.reasoning is not None
        one, other = [join_reasoning(side.reasoning if thinks else None, side.answer) for side in (better, worse)]
        if one.split() == other.split():
            return "chosen equals rejected"
        if overlap(one, other) > self.max_overlap:
            return "near-identical"
        if max(len(one), len(other)) > self.max_length_ratio * min(len(one), len(other)):
            return "lengths too different"
        return None

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (PLAIN, *super().prompts_used())
