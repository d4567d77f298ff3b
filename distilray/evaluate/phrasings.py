"""Prompt sensitivity: the same questions in several phrasings, and how far the score moves with them.

evaluate:
  - {name: practice, source: {...}, phrasings: 4}                               # the first four below
  - {name: practice, source: {...}, phrasings: ["{question}", "Q: {question}\\nA:"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from distilray.evaluate.benchmark_step import BenchmarkStep
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps import Models

MARK = "{question}"
ENGLISH = (
    MARK,
    f"Answer this question.\n\n{MARK}",
    f"{MARK}\n\nThink it through, then give the answer.",
    f"Question: {MARK}\nAnswer:",
    f"I need help with this: {MARK}",
)
CHINESE = (
    MARK,
    f"请回答下面的问题。\n\n{MARK}",
    f"{MARK}\n\n请仔细思考，然后给出答案。",
    f"问题：{MARK}\n答案：",
    f"请帮我解决这个问题：{MARK}",
)


def _with_mark(phrasings: tuple[str, ...]) -> tuple[str, ...]:
    for phrasing in phrasings:
        if MARK not in phrasing:
            raise ValueError(f"the phrasing {phrasing!r:.60} lacks {MARK}, in whose place the question is put")
    return phrasings


Texts = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_with_mark)]
Phrasings = Annotated[int, Field(ge=1, le=len(ENGLISH))] | Texts
"""How many of ours, or texts of one's own."""


class PhrasedStep(BenchmarkStep):
    """Asks the question ``samples`` times in each phrasing; the share of correct answers is over all of them."""

    writes: ClassVar = {**BenchmarkStep.writes, "phrasing_shares": "list<float>"}

    phrasings: Texts
    chinese: Texts

    async def process(self, row: Row, models: Models) -> Outcome:
        if row["reference"] is None:
            return rejected("no reference")
        texts = self.chinese if row.language == "zh" else self.phrasings
        answered = [await self.answered(phrased(row, text), models) for text in texts]
        shares = [columns["correct_share"] for columns in answered]
        lists = {name: joined(answered, name) for name, kind in BenchmarkStep.writes.items() if kind.startswith("list")}
        return kept(
            **{
                **answered[0],
                **lists,
                "correct_share": sum(shares) / len(shares),
                "answer_tokens": sum(columns["answer_tokens"] for columns in answered) / len(answered),
                "truncated": sum(columns["truncated"] for columns in answered),
                "unparsed": sum(columns["unparsed"] for columns in answered),
                "phrasing_shares": shares,
            }
        )


def phrased_step(phrasings: int | tuple[str, ...], **settings: Any) -> BenchmarkStep:
    """The step that asks in these phrasings; in the question's own words alone it is the plain one."""
    texts = texts_of(phrasings)
    if texts["phrasings"] == (MARK,):
        return BenchmarkStep(**settings)
    return PhrasedStep(**texts, **settings)


def texts_of(phrasings: int | tuple[str, ...]) -> dict[str, Any]:
    """The phrasings as settings of a step: for questions in Chinese, and for all others."""
    if not isinstance(phrasings, int):
        return {"phrasings": phrasings, "chinese": phrasings}
    return {"phrasings": ENGLISH[:phrasings], "chinese": CHINESE[:phrasings]}


def phrased(row: Row, phrasing: str) -> Row:
    """``row`` whose last user turn is put as ``phrasing`` says."""
    messages = [dict(message) for message in row.messages]
    last = max((k for k, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is not None:
        messages[last]["content"] = phrasing.replace(MARK, messages[last]["content"])
    return row.having(messages=messages)


def joined(answered: Sequence[dict[str, Any]], column: str) -> list[Any]:
    """A list column of all phrasings, one after another."""
    return [value for columns in answered for value in columns[column]]
