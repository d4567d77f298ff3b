"""BenchmarkStep: a model answers a benchmark's question, and the answer is compared with the reference.

A step like any other, so that an evaluation is sharded, resumed and accounted for like a run's own steps.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from distilray.models import Reply
from distilray.prompts import ANSWER, PLAIN
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps import ModelName, Models, Step
from distilray.verifiers import comparison, grade


class BenchmarkStep(Step):
    """Asks the question ``samples`` times and records which answers are correct; a truncated one is not, and neither is
    one from which no answer can be read."""

    reads: ClassVar = ("messages", "reference")
    renamed: ClassVar = ("benchmark", "examine")
    writes: ClassVar = {
        "answer": "string",
        "answers": "list<string>",
        "correct": "list<bool>",
        "correct_share": "float",
        "answer_tokens": "float",
        "truncated": "int",
        "unparsed": "int",
        "verdict": "string",
        "tokens": "list<int>",
        "finish": "list<string>",
        "readable": "list<bool>",
        "reasons": "list<string>",
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
        return kept(**await self.answered(row, models))

    async def answered(self, row: Row, models: Models) -> dict[str, Any]:
        """The columns that the model's answers to ``row`` make."""
        prompt = ANSWER if self.style == "answer" else PLAIN
        replies = await models[self.model].replies(prompt, row, n=self.samples)
        verdicts = [await self._verdict(reply, row["reference"]) for reply in replies]
        correct = [right for right, _, _ in verdicts]
        return {
            "answer": replies[0].text,
            "answers": [reply.text for reply in replies],
            "correct": correct,
            "correct_share": sum(correct) / len(correct),
            "answer_tokens": sum(reply.tokens_out for reply in replies) / len(replies),
            "truncated": sum(reply.finish_reason == "length" for reply in replies),
            "unparsed": sum(not readable for _, readable, _ in verdicts),
            "verdict": verdicts[0][2],
            "tokens": [reply.tokens_out for reply in replies],
            "finish": [reply.finish_reason for reply in replies],
            "readable": [readable for _, readable, _ in verdicts],
            "reasons": [reason for _, _, reason in verdicts],
        }

    async def _verdict(self, reply: Reply, reference: str) -> tuple[bool, bool, str]:
        """Whether the reply is correct, whether it can be read (one that was cut counts as that alone), and why."""
        if reply.finish_reason == "length":
            return False, True, "cut by length"
        verdict = await grade(self.compare, reply.text, reference)
        readable = verdict.right is not None and verdict.detail.get("extracted", "") is not None
        return bool(verdict.right), readable, verdict.reason

    def prompts_used(self):
        return (ANSWER,) if self.style == "answer" else (PLAIN,)
