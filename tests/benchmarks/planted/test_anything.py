"""Whatever is asked gets a reply in the form that was asked for, the same one each time; a few are planted bad ones."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.planted.anything import BROKEN, Anything
from benchmarks.planted.server import PROMPTS, asked_of
from distilray.prompts import ANSWER, SCORE_PAIR, Prompt
from tests.support.planted import problem

VARIABLES: dict[str, Any] = {
    "n": 2, "examples": (), "guidance": None, "aim": "depth", "task": None, "instruction": "Name a lake.",
    "answer": "The lake is deep. It is 64 m deep, and cold all year round.", "question": "How deep?",
    "rewrite": "It is 64 m deep.", "first": "64", "second": "65",
}  # fmt: skip
ROWS = 240


def replies(prompt: Prompt[Any], language: str) -> tuple[list[str], Anything]:
    """To the same prompt about many rows."""
    server = Anything()
    texts = [f"Row {k}: how deep is it?" if language == "en" else f"第{k}行:它有多深?" for k in range(ROWS)]
    rows = [problem(language=language, messages=[{"role": "user", "content": text}]) for text in texts]
    asked = [asked_of({"messages": prompt.messages(row, **VARIABLES), "seed": 7}) for row in rows]
    return [server.say(one) for one in asked], server


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("prompt", [prompt for prompt in PROMPTS if prompt is not SCORE_PAIR], ids=lambda p: p.name)
def test_nearly_every_reply_is_in_its_form(prompt: Prompt[Any], language: str) -> None:
    said, _ = replies(prompt, language)
    broken = 0
    for text in said:
        try:
            prompt.parse(text)
        except ValueError:
            broken += 1
    assert broken <= ROWS / BROKEN * 4
    assert said == replies(prompt, language)[0]


def test_an_answer_is_in_the_language_of_the_question_and_requests_are_counted() -> None:
    said, server = replies(ANSWER, "zh")
    assert all("个事实" in text for text in said) and len(set(said)) > ROWS / 2
    assert (server.requests, server.asked_again) == (ROWS, 0)
    server.say(asked_of({"messages": ANSWER.messages(problem(), **VARIABLES), "seed": 1}))
    server.say(asked_of({"messages": ANSWER.messages(problem(), **VARIABLES), "seed": 1}))
    assert (server.requests, server.asked_again) == (ROWS + 2, 1)
