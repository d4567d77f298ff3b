"""What steps on reasoning traces share: where a row has its trace, and whether the trace still reaches the answer.

A deep-thinking teacher gives its trace separately (``reasoning`` and ``answer``); a fast-thinking one writes its steps
into the answer, which then is the trace.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray import verifiers
from distilray.prompts import JUDGE, Prompt
from distilray.rows import Row
from distilray.steps.base import ModelName, ModelRole, Models, Step
from distilray.verifiers import Verdict

HIGHEST = 9
"""A judge's highest score."""
_CALCULATED = {"math", "physics", "chemistry", "economy", "reasoning"}
_LETTER = re.compile(r"\(?[A-J]\)?\.?")
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+\s*%?")


def trace_of(row: Row) -> str | None:
    return row["reasoning"] or row["answer"]


def with_trace(row: Row, trace: str) -> dict[str, Any]:
    """The columns that make ``trace`` the row's trace."""
    return {"reasoning": trace} if row["reasoning"] else {"answer": trace}


def conclusion_of(row: Row) -> str | None:
    """The required conclusion of the trace, as shown to raters and rewriters; ``None`` if it is not known as text."""
    if row["reasoning"]:
        return row["answer"]
    return None if row.task.startswith("code") else row["reference"]  # for code the reference is its tests


def inlined(trace: str, answer: str) -> str:
    """Trace and answer as one text; an answer that the trace already ends on is not repeated."""
    return trace if trace.rstrip().endswith(answer.strip()) else f"{trace}\n\n{answer}"


def verifier_for(row: Row) -> str:
    """The kind of verifier that fits the row's task and reference; ``none`` if only a reader could judge."""
    reference = (row["reference"] or "").strip()
    if not reference:
        return "none"
    if row.task.startswith("code"):
        return "code"
    if _LETTER.fullmatch(reference):
        return "choice"
    if _NUMBER.fullmatch(reference):
        return "numeric"
    return "math" if row.task in _CALCULATED else "none"


class TraceStep(Step):
    """A step that may change a trace and then verifies that it is still right (posts B.17, B.20)."""

    reads: ClassVar = ("messages", "answer")

    verifier: Annotated[
        str,
        verifiers.comparison("by_task", "none"),
        Field(
            description="how the result is compared with the reference: by_task (chosen by the row's task and "
            f"reference), none, {verifiers.COMPARISONS}"
        ),
    ] = "by_task"
    checker: Annotated[
        ModelName | None,
        ModelRole(),
        Field(description="judge for traces that no verifier can decide; null: they are rejected"),
    ] = None
    sound_at: Annotated[int, Field(ge=0, le=9, description="lowest accuracy from the checker that passes")] = 7

    async def reaches(self, row: Row, trace: str, models: Models) -> Verdict:
        """Whether ``trace`` reaches the right answer; ``right`` is ``None`` if that could not be decided."""
        verdict = await self.verified(row, trace)
        if verdict.right is not None or self.checker is None:
            return verdict
        solution = inlined(trace, row["answer"]) if row["reasoning"] else trace
        judged = await models[self.checker].ask(JUDGE, row, answer=solution)
        right = judged.accuracy >= self.sound_at
        return Verdict(right, f"the checker gives accuracy {judged.accuracy}")

    async def verified(self, row: Row, trace: str) -> Verdict:
        """What the verifier alone says of ``trace``."""
        kind = verifier_for(row) if self.verifier == "by_task" else self.verifier
        if kind == "none" or row["reference"] is None:
            return Verdict(None, "nothing to compare with")
        if kind == "code" and row["reasoning"]:
            return Verdict(None, "thoughts about code cannot be run")
        return await verifiers.grade(kind, trace, row["reference"])

    async def score(self, row: Row, answer: str, models: Models) -> tuple[float | None, str]:
        """How right ``answer``, without thoughts before it, is: 1 or 0 where a verifier can decide, else the checker's
        accuracy over 9, None without either; and the reason."""
        verdict = await self.verified(row.having(reasoning=None), answer)
        if verdict.right is not None:
            return float(verdict.right), verdict.reason
        if self.checker is None:
            return None, verdict.reason
        judged = await models[self.checker].ask(JUDGE, row, answer=answer)
        return judged.accuracy / HIGHEST, f"the checker gives accuracy {judged.accuracy}"

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (*self.prompts, *((JUDGE,) if self.checker is not None else ()))


def objection(verdict: Verdict) -> str:
    """Why a trace with this verdict is unacceptable, as a countable reason."""
    return "wrong answer" if verdict.right is False else "cannot be verified"
