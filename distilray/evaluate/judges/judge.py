"""Judge: a model that compares two answers to a question, or grades one.

    judge = Judge(model="judge")
    verdict = await judge.compare(models["judge"], row, "Write a haiku.", first, second, reference=None)
    verdict.value, verdict.agreed       # 1.0, True: the second is better, in whichever order they stand

Two answers are judged in both orders; where these contradict one another it is a tie, so that no answer wins by its
place (Zheng et al., arXiv 2306.05685). A reply has to be one JSON object and nothing around it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from distilray.evaluate.judges.asking import ask_judge
from distilray.evaluate.judges.prompts import BETTER, POINTS, mark_of
from distilray.evaluate.judges.verdict import Ask, Verdict, verdict_of
from distilray.prompts import CRITERIA, JUDGE, Judgement, Prompt
from distilray.rows import Row
from distilray.steps import Model

FORMS = {"pair": BETTER, "points": POINTS, "scores": JUDGE}
FIRST = {"A": 0.0, "tie": 0.5, "B": 1.0}
"""What the second answer has won where the first stands as A."""
HIGHEST = {"pair": 1.0, "points": 10.0, "scores": 9.0}
"""The highest value of a verdict on one answer, or of two."""


class Judge(BaseModel):
    """Settings of a judge, as a recipe's benchmark has them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="the model that judges: an engine of the recipe, or an OpenAI-compatible endpoint")
    form: Literal["pair", "points", "scores"] = Field(
        default="pair",
        description="pair: which of two answers is better; points: 1 to 10 for one; scores: accuracy, relevance, "
        "helpfulness and detail of one, 0 to 9 each, as the step `judge` asks",
    )
    swap: bool = Field(default=True, description="judge a pair in both orders; contradictions are ties")
    cache: bool | str = Field(
        default=True,
        description="keep the replies of a greedy judge over runs: true: in $DISTILRAY_CACHE of each node, or a folder "
        "or URI that all nodes reach, or false",
    )

    @property
    def prompt(self) -> Prompt[Any]:
        return FORMS[self.form]

    async def compare(
        self, judge: Model, row: Row, question: str, first: str, second: str, reference: str | None = None
    ) -> Verdict:
        """Which of two answers to ``question`` is better. ``row`` gives the language, and the seeds where the judge
        samples; ``reference`` is an answer that is known to be right.

        With the form ``scores`` each answer is scored by itself, and the higher mean wins: no order can matter, and
        ``agreed`` is None. Failing to read a reply is no error: it is part of the verdict.
        """
        if self.form == "scores":
            one, other = [await self._scored(judge, row, answer) for answer in (first, second)]
            verdict = self._verdict(judge, [one, other])
            return msgspec.structs.replace(verdict, value=_higher(one.value, other.value), agreed=None)
        mark = mark_of(question, first, second, reference or "")
        orders = [(first, second, FIRST)]
        if self.swap:
            orders.append((second, first, {word: 1.0 - value for word, value in FIRST.items()}))
        asks = []
        for a, b, values in orders:
            said = {"question": question, "first": a, "second": b, "reference": reference, "mark": mark}
            ask = await ask_judge(judge, row, BETTER, lambda reply, own=values: own[reply.better], said, self.cache)
            asks.append(ask)
        return self._verdict(judge, asks)

    async def rate(self, judge: Model, row: Row, question: str, answer: str, reference: str | None = None) -> Verdict:
        """How good ``answer`` is: 1 to 10 points, or with the form ``scores`` the mean of four scores of 0 to 9."""
        if self.form == "scores":
            return self._verdict(judge, [await self._scored(judge, row, answer)])
        said = {"question": question, "answer": answer, "reference": reference}
        said["mark"] = mark_of(question, answer, reference or "")
        ask = await ask_judge(judge, row, POINTS, lambda reply: float(reply.points), said, self.cache)
        return self._verdict(judge, [ask])

    def _verdict(self, judge: Model, asks: list[Ask]) -> Verdict:
        return verdict_of(asks, judge.identity.name, judge.identity.version, self.prompt.hash)

    async def _scored(self, judge: Model, row: Row, answer: str) -> Ask:
        return await ask_judge(judge, row, JUDGE, _mean_score, {"answer": answer}, self.cache)


def _mean_score(scores: Judgement) -> float:
    return sum(getattr(scores, name) for name in CRITERIA) / len(CRITERIA)


def _higher(one: float | None, other: float | None) -> float | None:
    """Two answers' scores as one comparison: 1 where the second has the higher one."""
    if one is None or other is None:
        return None
    return 0.5 + 0.5 * ((other > one) - (other < one))
