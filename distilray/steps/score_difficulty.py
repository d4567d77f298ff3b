"""Score difficulty: student and teacher answer, a judge scores both; what the teacher is ahead is the instruction's
difficulty for this student (post A.4, model fitting difficulty).

    score_difficulty: {student: student, teacher: teacher, judge: judge}      # then: select: {by: difficulty, ...}
    score_difficulty:
      student: student
      judge: {by: language, choose: {zh: qwen_max}, otherwise: gpt4}          # the row's own answer is the teacher's
      compare: pairwise

``difficulty = teacher - student``, the difference of the means over the four criteria, -9 to 9: positive where the
teacher is better. The post defines the score as student minus teacher and also says that a high one marks a valuable
instruction; both cannot hold. Here the large values are the valuable ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from distilray.prompts import CRITERIA, JUDGE, PLAIN, SCORE_PAIR, Prompt
from distilray.rows import MalformedRecord, Outcome, Row, kept, rejected
from distilray.steps.base import Model, ModelName, ModelRole, Models
from distilray.steps.shared.answering import AnsweringStep
from distilray.steps.shared.reasoning import whole_answer

Scores = dict[str, int]
"""Criterion to score, 0 to 9."""
NO_ANSWER: Scores = dict.fromkeys(CRITERIA, 0)


@dataclass(frozen=True)
class Judged:
    """One pass of the judge over both answers."""

    student: Scores
    teacher: Scores
    checks: tuple[str, ...]

    @property
    def gap(self) -> float:
        return fmean(self.teacher.values()) - fmean(self.student.values())


class ScoreDifficulty(AnsweringStep):
    """Scores the student's and the teacher's answer on accuracy, relevance, helpfulness and detail. A student's answer
    that was cut by length, or is none, scores 0 throughout; such an answer of the teacher rejects the row."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = {
        "student_answer": "string",
        "teacher_answer": "string",
        **{f"{who}_{criterion}": "float" for who in ("student", "teacher") for criterion in CRITERIA},
        "student_quality": "float",
        "teacher_quality": "float",
        "difficulty": "float",
        "difficulty_disagreement": "float",
        "difficulty_checks": "list<string>",
    }

    student: Annotated[ModelName, Field(description="the student: a model, or a training earlier among the steps")]
    teacher: Annotated[
        ModelName | None,
        ModelRole(),
        Field(description="model whose answer is compared with the student's; null: the row's answer is the teacher's"),
    ] = None
    judge: ModelName
    compare: Annotated[
        Literal["independently", "pairwise"],
        Field(description="independently: each answer by itself; pairwise: both at once, in both orders"),
    ] = "independently"
    votes: Annotated[
        int,
        Field(ge=1, le=16, description="how often the judge is asked; the means count (at a temperature above 0)"),
    ] = 1

    @model_validator(mode="after")
    def _both_orders_are_the_votes(self) -> Self:
        if self.votes > 1 and self.compare == "pairwise":
            raise ValueError("pairwise asks in both orders, which are its votes: leave votes at 1")
        return self

    def columns_read(self) -> set[str]:
        return {*self.reads, *(("answer",) if self.teacher is None else ())}

    async def process(self, row: Row, models: Models) -> Outcome:
        try:
            teachers = await self._teachers(row, models)
        except MalformedRecord as malformed:
            return rejected(f"teacher: {malformed}")
        try:
            [reply] = await models[self.student].replies(PLAIN, row)
            students = whole_answer(reply)
        except MalformedRecord:
            students = None
        passes = await self._judged(models[self.judge], row, students, teachers)
        return kept(student_answer=students, teacher_answer=teachers, **columns_of(passes))

    async def _teachers(self, row: Row, models: Models) -> str:
        if self.teacher is not None:
            [reply] = await self.answered(models[self.teacher], row)
            return whole_answer(reply)
        if not row["answer"]:
            raise MalformedRecord("no answer")
        return row["answer"]

    async def _judged(self, judge: Model, row: Row, student: str | None, teacher: str) -> list[Judged]:
        if student is not None and self.compare == "pairwise":
            ahead = await judge.ask(SCORE_PAIR, row, first=student, second=teacher)
            behind = await judge.ask(SCORE_PAIR, row, first=teacher, second=student)
            return [
                Judged(scores_of(ahead.first), scores_of(ahead.second), (ahead.check,)),
                Judged(scores_of(behind.second), scores_of(behind.first), (behind.check,)),
            ]
        passes = []
        for _ in range(self.votes):
            judged = await judge.ask(JUDGE, row, answer=teacher)
            if student is None:
                passes.append(Judged(NO_ANSWER, scores_of(judged), (judged.check,)))
                continue
            other = await judge.ask(JUDGE, row, answer=student)
            passes.append(Judged(scores_of(other), scores_of(judged), (other.check, judged.check)))
        return passes

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        asked = (PLAIN, JUDGE) if self.teacher is None else (PLAIN, self.answer_prompt, JUDGE)
        return (*asked, SCORE_PAIR) if self.compare == "pairwise" else asked


def scores_of(judged: BaseModel) -> Scores:
    """The four criteria of a judgement."""
    return {name: getattr(judged, name) for name in CRITERIA}


def columns_of(passes: Sequence[Judged]) -> dict[str, Any]:
    """Means over ``passes``; the disagreement is how far their differences lie apart, None for a single pass."""
    columns: dict[str, Any] = {}
    for who in ("student", "teacher"):
        of_each = [getattr(judged, who) for judged in passes]
        means = {criterion: fmean(scores[criterion] for scores in of_each) for criterion in CRITERIA}
        columns |= {f"{who}_{criterion}": mean for criterion, mean in means.items()}
        columns[f"{who}_quality"] = fmean(means.values())
    gaps = [judged.gap for judged in passes]
    return columns | {
        "difficulty": columns["teacher_quality"] - columns["student_quality"],
        "difficulty_disagreement": max(gaps) - min(gaps) if len(gaps) > 1 else None,
        "difficulty_checks": [check for judged in passes for check in judged.checks],
    }
