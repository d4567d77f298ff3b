"""Best answer: the best of the answers that were sampled for a row, by a verifier or by a judge (post A.8).

    - answer: {model: teacher, n: 4}
    - best_answer: {checker: judge}

A verifier comes first: what it finds wrong is out, and of the answers that it finds right, or cannot decide, the judge
takes the one with the highest mean over accuracy, relevance, helpfulness and detail.
"""

from __future__ import annotations

from statistics import fmean
from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray.prompts import CRITERIA, JUDGE
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import Models
from distilray.steps.shared.trace import TraceStep, objection
from distilray.verifiers import Verdict


class BestAnswer(TraceStep):
    """Chooses one of ``answers``, of equally good ones the first. A row is rejected if all are wrong, nobody can tell,
    or the best scores below ``at_least``."""

    reads: ClassVar = ("messages", "answers")
    writes: ClassVar = {
        "answer": "string",
        "reasoning": "string",
        "best_of": "int",
        "answers_right": "int",
        "answer_score": "float",
        "verdict": "string",
    }
    score_columns: ClassVar = ("answer_score",)

    at_least: Annotated[
        float, Field(ge=0, le=9, description="lowest mean over the judge's criteria that is good enough")
    ] = 0.0

    async def process(self, row: Row, models: Models) -> Outcome:
        answers = row["answers"]
        if not answers:
            return rejected("no answers")
        reasonings = row["reasonings"] or [None] * len(answers)
        verdicts = [await self.verified(row.having(reasoning=None), answer) for answer in answers]
        right = [k for k, verdict in enumerate(verdicts) if verdict.right]
        counts: dict[str, Any] = {"best_of": len(answers), "answers_right": len(right)}
        left = right or [k for k, verdict in enumerate(verdicts) if verdict.right is None]
        if not left or not (right or self.checker):
            reason = objection(verdicts[0] if not left else Verdict(None, ""))
            return rejected(reason, verdict=verdicts[0].reason, **counts)
        scores = {k: await self._score(row, answers[k], models) for k in left}
        best = max(left, key=lambda k: (scores[k] or 0.0, -k))
        columns = {"answer_score": scores[best], "verdict": verdicts[best].reason, **counts}
        if (score := scores[best]) is not None and score < self.at_least:
            return rejected(f"best answer below {self.at_least:g}", **columns)
        return kept(answer=answers[best], reasoning=reasonings[best], **columns)

    async def _score(self, row: Row, answer: str, models: Models) -> float | None:
        if self.checker is None:
            return None
        judged = await models[self.checker].ask(JUDGE, row, answer=answer)
        return fmean(getattr(judged, name) for name in CRITERIA)
