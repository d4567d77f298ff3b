"""Check: verifies an answer without asking a model (posts A.11, B.20).

    check: {reference: math, max_characters: 8000}

Is it in the instruction's language, of a sensible length, not a refusal, complete, and, if the row has a reference,
right? Of several answers in a row the first that passes is chosen: rejection sampling.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from distilray import verifiers
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import Models, Step


class Check(Step):
    """Keeps answers that pass; the reason of a rejected row is the first check that its last answer failed."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {
        "answer": "string",
        "reasoning": "string",
        "right": "bool",
        "correct_share": "float",
        "verdict": "string",
    }

    language: Annotated[bool, Field(description="the answer must be in the instruction's language")] = True
    min_characters: Annotated[int, Field(ge=0, description="shorter answers are rejected")] = 1
    max_characters: Annotated[int | None, Field(ge=1, description="longer answers are rejected")] = None
    refusal: Annotated[bool, Field(description="refusals are rejected")] = True
    truncation: Annotated[bool, Field(description="answers that stop in mid-sentence or mid-block are rejected")] = (
        False
    )
    reference: Annotated[
        str,
        verifiers.comparison("none"),
        Field(description=f"how the answer is compared with the row's reference: none, {verifiers.COMPARISONS}"),
    ] = "numeric"

    async def process(self, row: Row, models: Models) -> Outcome:
        answers = row["answers"] or ([row["answer"]] if row["answer"] else [])
        reasonings = row["reasonings"] or [row["reasoning"]] * len(answers)
        if not answers:
            return rejected("no answer")
        passing: list[tuple[str, str | None, str | None]] = []
        reason, verdict = "", None
        for answer, reasoning in zip(answers, reasonings, strict=True):
            found, verdict = await self._problem(row, answer)
            if found is None:
                passing.append((answer, reasoning, verdict))
            else:
                reason = found
        share = len(passing) / len(answers)
        if not passing:
            return rejected(
                reason, right=False if reason == "wrong answer" else None, correct_share=share, verdict=verdict
            )
        answer, reasoning, verdict = passing[0]
        known = row["reference"] is not None and self.reference != "none"
        return kept(
            answer=answer,
            reasoning=reasoning,
            right=True if known else None,
            correct_share=share,
            verdict=verdict,
        )

    async def _problem(self, row: Row, answer: str) -> tuple[str | None, str | None]:
        """What is wrong with ``answer`` (None: nothing), and the reason of the verifier's verdict."""
        if len(answer.strip()) < self.min_characters:
            return "answer too short", None
        if self.max_characters is not None and len(answer) > self.max_characters:
            return "answer too long", None
        if self.refusal and verifiers.is_refusal(answer, row.language):
            return "refusal", None
        if self.truncation and verifiers.is_truncated(answer):
            return "answer stops in the middle", None
        if self.language and not verifiers.same_language(answer, row.language):
            return "answer in another language", None
        if row["reference"] is None or self.reference == "none":
            return None, None
        verdict = await verifiers.grade(self.reference, answer, row["reference"])
        return (None if verdict.right else "wrong answer"), verdict.reason
