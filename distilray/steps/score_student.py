"""Score student: the student itself answers, and its answers are scored; the row's own answer is unchanged.

    score_student: {model: learner, samples: 2}                         # by the row's reference
    score_student: {model: learner, checker: judge}                     # without one, by a judge

How well a student does on a row shows how hard the row is for it: a ``curriculum_draw`` or ``select`` chooses the
next training's rows by it (TAPIR's model fitting difficulty, arXiv 2405.13448).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray.models import Reply
from distilray.prompts import PLAIN, Prompt
from distilray.rows import MalformedRecord, Outcome, Row, kept
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.reasoning import split_reply
from distilray.steps.shared.trace import TraceStep


class ScoreStudent(TraceStep):
    """Asks the student as it will be asked when served, with the question alone, and scores each answer: 1 or 0 if a
    verifier can decide, else the checker's accuracy over 9; no score if neither can. An answer that was cut by length,
    or whose thoughts have no end, scores 0."""

    reads: ClassVar = ("messages",)
    renamed: ClassVar = ("score_student", "attempt")
    writes: ClassVar = {
        "student_answer": "string",
        "student_score": "float",
        "student_tokens": "float",
        "student_verdict": "string",
    }

    model: Annotated[ModelName, Field(description="the student: a model, or a training earlier among the steps")]
    samples: Annotated[int, Field(ge=1, le=64, description="answers to each question; the score is their mean")] = 1

    async def process(self, row: Row, models: Models) -> Outcome:
        replies = await models[self.model].replies(PLAIN, row, n=self.samples)
        scored = [await self._score(row, reply, models) for reply in replies]
        scores = [score for score, _ in scored if score is not None]
        return kept(
            student_answer=replies[0].text,
            student_score=sum(scores) / len(scores) if scores else None,
            student_tokens=sum(reply.tokens_out for reply in replies) / len(replies),
            student_verdict=scored[0][1],
        )

    async def _score(self, row: Row, reply: Reply, models: Models) -> tuple[float | None, str]:
        """The score, None where it could not be decided, and the reason."""
        if reply.finish_reason == "length":
            return 0.0, "cut by length"
        try:
            _, answer = split_reply(reply)
        except MalformedRecord as malformed:
            return 0.0, str(malformed)
        if not answer:
            return 0.0, "empty answer"
        return await self.score(row, answer, models)

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (PLAIN, *super().prompts_used())
