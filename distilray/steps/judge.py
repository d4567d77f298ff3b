"""Judge: a model scores the answer's accuracy, relevance, helpfulness and level of detail, 0 to 9 (posts A.4, A.11).

    judge: {model: judge}                                # then: select: {by: accuracy, at_least: 7}

The judge first checks and then scores; its check is kept with the scores, so that a reader sees the reasons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar

from distilray.prompts import CRITERIA, JUDGE
from distilray.rows import Outcome, Row, kept
from distilray.steps.base import ModelName, Models, Step
from distilray.steps.shared.demonstrations import Demonstration


class Judge(Step):
    """Scores every answer; a later ``select`` decides what is good enough."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {
        "accuracy": "int",
        "relevance": "int",
        "helpfulness": "int",
        "detail": "int",
        "score": "float",
        "judge_check": "string",
    }
    prompts: ClassVar = (JUDGE,)
    demonstration_columns: ClassVar = ("answer", *CRITERIA, "judge_check")

    model: ModelName

    async def process(self, row: Row, models: Models) -> Outcome:
        judged = await models[self.model].ask(JUDGE, row, answer=row["answer"])
        scores = (judged.accuracy, judged.relevance, judged.helpfulness, judged.detail)
        return kept(
            accuracy=judged.accuracy,
            relevance=judged.relevance,
            helpfulness=judged.helpfulness,
            detail=judged.detail,
            score=sum(scores) / len(scores),
            judge_check=judged.check,
        )

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        if row["judge_check"] is not None:
            said = {"check": row["judge_check"], **{name: row[name] for name in CRITERIA}}
            yield Demonstration(JUDGE, row, {"answer": row["answer"]}, json.dumps(said, ensure_ascii=False))
