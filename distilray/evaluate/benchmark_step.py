"""BenchmarkStep: a model answers a benchmark's question, and the answer is compared with the reference.

A step like any other, so that an evaluation is sharded, resumed and accounted for like a run's own steps.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from distilray.models import Reply
from distilray.prompts import ANSWER, PLAIN
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps import ModelName, Models, Step
from distilray.verifiers import comparison, grade


class BenchmarkStep(Step):
    """Asks the question ``samples`` times and records which answers are correct; a truncated one is not."""

    reads: ClassVar = ("messages", "reference")
    renamed: ClassVar = ("benchmark", "examine")
    writes: ClassVar = {
        "answer": "string",
        "answers": "list<string>",
        "correct": "list<bool>",
        "correct_share": "float",
        "answer_tokens": "float",
        "truncated": "int",
        "verdict": "string",
    }

    model: ModelName
    style: Annotated[
        Literal["answer", "plain"],
        Field(description="answer: asked as teachers are in a run; plain: the question alone, as a student is"),
    ] = "plain"
    compare: Annotated[str, comparison()] = "numeric"
    samples: Annotated[int, Field(ge=1)] = 1

    async def process(self, row: Row, models: Models) -> Outcome:
        if row["reference"] is None:
            return rejected("no reference")
        prompt = ANSWER if self.style == "answer" else PLAIN
        replies = await models[self.model].replies(prompt, row, n=self.samples)
        verdicts = [await self._verdict(reply, row["reference"]) for reply in replies]
        correct = [right for right, _ in verdicts]
        return kept(
            answer=replies[0].text,
            answers=[reply.text for reply in replies],
            correct=correct,
            correct_share=sum(correct) / len(correct),
            answer_tokens=sum(reply.tokens_out for reply in replies) / len(replies),
            truncated=sum(reply.finish_reason == "length" for reply in replies),
            verdict=verdicts[0][1],
        )

    async def _verdict(self, reply: Reply, reference: str) -> tuple[bool, str]:
        if reply.finish_reason == "length":
            return False, "cut by length"
        verdict = await grade(self.compare, reply.text, reference)
        return bool(verdict.right), verdict.reason

    def prompts_used(self):
        return (ANSWER,) if self.style == "answer" else (PLAIN,)
