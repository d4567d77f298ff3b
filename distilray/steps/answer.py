"""Answer: the teacher answers the instruction, in the format that its task wants (posts A.8, B.16).

    answer: {model: teacher, n: 4}
    answer: {model: teacher, style: by_task}             # after classify_task

One answer per row, or ``n`` of them for rejection sampling: then ``answers`` holds all that are complete, ``answer``
the first, and a later ``check`` picks the first right one.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray.prompts import Prompt
from distilray.rows import MalformedRecord, Outcome, Row, kept, rejected
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.answering import AnsweringStep
from distilray.steps.shared.reasoning import split_reply


class Answer(AnsweringStep):
    """The teacher answers every instruction; answers cut off by the length limit are not used."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = {
        "answer": "string",
        "reasoning": "string",
        "answers": "list<string>",
        "reasonings": "list<string>",
        "answer_tokens": "int",
    }

    model: ModelName
    n: Annotated[
        int,
        Field(ge=1, le=256, description="answers sampled for a row; a greedy model samples at temperature 1"),
    ] = 1
    unanswered_only: Annotated[
        bool, Field(description="rows whose source has an answer (another model's trace) keep it")
    ] = False

    async def process(self, row: Row, models: Models) -> Outcome:
        if self.unanswered_only and row["answer"]:
            return kept()
        replies = await self.answered(models[self.model], row, self.n)
        whole, reasons = [], []
        for reply in replies:
            if reply.finish_reason == "length":
                reasons.append("answer cut by length")
                continue
            try:
                reasoning, answer = split_reply(reply)
            except MalformedRecord as malformed:
                reasons.append(str(malformed))
                continue
            if answer:
                whole.append((reasoning, answer, reply.tokens_out))
            else:
                reasons.append("empty answer")
        if not whole:
            return rejected(reasons[0], answer=replies[0].text, answer_tokens=replies[0].tokens_out)
        reasoning, answer, tokens = whole[0]
        return kept(
            answer=answer,
            reasoning=reasoning,
            answers=[answer for _, answer, _ in whole],
            reasonings=[reasoning for reasoning, _, _ in whole],
            answer_tokens=tokens,
        )

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (self.answer_prompt,)
