"""Follow up: conversations of several turns, in which every question rests on the answer before it (post A.7).

    follow_up: {model: teacher, checker: judge, turns: 3}

The model plays the user: it quotes the words of the last answer that it takes up, and asks about them. The question is
used if those words really stand in the answer, if it is no near-copy of an earlier one and in the language of the row,
and if the checker finds it grounded. Then the teacher answers, and so on, for 1 to ``turns`` follow-ups.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from distilray.prompts import FOLLOW_UP, GROUNDING, Prompt
from distilray.rows import TURN_WEIGHTS, MalformedRecord, Outcome, Row, child_id, content_hash, kept, rejected
from distilray.steps.base import ModelName, ModelRole, Models
from distilray.steps.shared.answering import AnsweringStep
from distilray.steps.shared.created import NEAR_COPY, OTHER_LANGUAGE, written_in
from distilray.steps.shared.draws import draw
from distilray.steps.shared.overlap import near_copy
from distilray.steps.shared.reasoning import split_reply, whole_answer

NOT_QUOTED = "its quote is not in the answer"
MOST = 8


class FollowUp(AnsweringStep):
    """Makes a conversation of a row with an answer, as a new row; its last turn is the row to be learned. Why it became
    no longer, or none, is in ``follow_up_problem``."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {
        "conversations": "int",
        "follow_ups": "int",
        "follow_up_quotes": "list<string>",
        "follow_up_problem": "string",
    }
    most_children: ClassVar = 1

    model: Annotated[ModelName, Field(description="what plays the user")]
    answerer: Annotated[
        ModelName | None, ModelRole(), Field(description="what answers the follow-ups; null: the same model")
    ] = None
    checker: Annotated[
        ModelName | None, ModelRole(), Field(description="what says whether a question is grounded; null: nobody")
    ] = None
    turns: Annotated[
        int, Field(ge=1, le=MOST, description="most follow-ups; each row gets from one to so many, always as many")
    ] = 2
    share: Annotated[float, Field(gt=0, le=1, description="share of rows from which a conversation is made")] = 1.0
    tries: Annotated[int, Field(ge=1, le=8, description="how often a question is asked for")] = 2
    max_overlap: Annotated[
        float, Field(ge=0, le=1, description="largest share of pieces of three words in common with an earlier turn")
    ] = 0.6
    parents: Annotated[
        Literal["keep", "drop"], Field(description="whether rows are kept beside the conversations made of them")
    ] = "keep"

    async def process(self, row: Row, models: Models) -> Outcome:
        if not row["answer"]:
            return rejected("no answer")
        if draw(row, "follow_up") >= self.share:
            return kept()
        wanted, quotes, problem = 1 + int(draw(row, "turns") * self.turns), [], None
        conversation = row
        while len(quotes) < wanted and problem is None:
            quote, text, problem = await self._question(conversation, models)
            if problem is None:
                conversation, problem = await self._answered(conversation, text, models)
            if problem is None:
                quotes.append(quote)
        before = row["conversations"] or 0
        if not quotes:
            return kept(conversations=before, follow_up_problem=problem)
        child = self._child(row, conversation, before, quotes, problem)
        if self.parents == "keep":
            return kept(children=[child], conversations=before + 1, follow_up_problem=problem)
        columns = {"conversations": before + 1, "follow_up_problem": problem}
        return Outcome("rejected", "replaced by its conversation", columns=columns, children=(child,))

    async def _question(self, row: Row, models: Models) -> tuple[str, str, str | None]:
        """Quote, question, and what is wrong with the last one that was tried (None: nothing)."""
        quote, text, problem = "", "", None
        for _ in range(self.tries):
            asked = await models[self.model].ask(FOLLOW_UP, row, answer=row["answer"])
            quote, text = asked.quote, asked.question
            problem = await self._problem(row, quote, text, models)
            if problem is None:
                break
        return quote, text, problem

    async def _problem(self, row: Row, quote: str, text: str, models: Models) -> str | None:
        if _plain(quote) not in _plain(row["answer"]):
            return NOT_QUOTED
        if not await written_in(text, row.language):
            return OTHER_LANGUAGE
        if near_copy(text, [turn["content"] for turn in row.messages if turn["role"] == "user"], self.max_overlap):
            return NEAR_COPY
        if self.checker is None:
            return None
        found = await models[self.checker].ask(GROUNDING, row, answer=row["answer"], question=text)
        return None if found == "grounded" else found

    async def _answered(self, row: Row, text: str, models: Models) -> tuple[Row, str | None]:
        """``row`` with one more turn, answered; or as it was, and why it has none."""
        turns = [{"role": "assistant", "content": row["answer"]}, {"role": "user", "content": text}]
        longer = row.having(messages=[*row.messages, *turns], answer=None, reasoning=None, reference=None)
        [reply] = await self.answered(models[self.answerer or self.model], longer)
        try:
            answer = whole_answer(reply)
        except MalformedRecord as malformed:
            return row, f"follow-up: {malformed}"
        return longer.having(answer=answer, reasoning=split_reply(reply)[0]), None

    @staticmethod
    def _child(row: Row, conversation: Row, number: int, quotes: list[str], problem: str | None) -> Row:
        own = {
            "id": child_id(row.id, "follow_up", number),
            "parent": row.id,
            "extra": _weighted(row["extra"], len(conversation.messages)),
            "content_hash": content_hash(conversation.messages, conversation["answer"]),
            "follow_ups": len(quotes),
            "follow_up_quotes": quotes,
            "follow_up_problem": problem,
        }
        taken = ("source", "task", "language", "messages", "answer", "reasoning")
        return Row({column: conversation[column] for column in taken} | own)

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (FOLLOW_UP, self.answer_prompt, *((GROUNDING,) if self.checker is not None else ()))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _weighted(extra: str | None, turns: int) -> str | None:
    """``extra`` with a weight for each of ``turns`` turns, where it has weights: those of new turns are 1."""
    if not extra or f'"{TURN_WEIGHTS}"' not in extra:
        return extra
    values = json.loads(extra)
    given = values[TURN_WEIGHTS]
    return json.dumps(values | {TURN_WEIGHTS: [*given, *[1] * (turns - len(given))]}, ensure_ascii=False)
