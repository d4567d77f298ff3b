"""A question with the words that it takes up, and one word about how it rests on them."""

from __future__ import annotations

import json

import pytest

from distilray.prompts import FOLLOW_UP, GROUNDING
from distilray.rows import Row

GOOD = {"quote": "frees carbon dioxide", "question": "What does the gas do?"}


def test_quote_and_question_are_read_and_the_quote_comes_first() -> None:
    asked = FOLLOW_UP.parse(json.dumps(GOOD))
    assert (asked.quote, asked.question) == ("frees carbon dioxide", "What does the gas do?")
    assert FOLLOW_UP.constraint is not None
    assert list(FOLLOW_UP.constraint.value["properties"]) == ["quote", "question"]


@pytest.mark.parametrize(
    "reply", ["What does the gas do?", '{"question": "Why?"}', json.dumps({**GOOD, "quote": " "}), f"Sure: {GOOD}"]
)
def test_anything_else_is_refused(reply: str) -> None:
    with pytest.raises(ValueError, match='expected one JSON object with "quote" and "question"'):
        FOLLOW_UP.parse(reply)


def test_grounding_is_one_of_three_words() -> None:
    assert [GROUNDING.parse(word) for word in ("grounded", " outside\n", "answered")] == [
        "grounded",
        "outside",
        "answered",
    ]
    with pytest.raises(ValueError, match="exactly one word of grounded, outside, answered"):
        GROUNDING.parse("It is grounded.")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_varies_between_calls_about_a_row_comes_last(language: str) -> None:
    row = Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "Why does bread rise?"}]})
    system, user = (turn["content"] for turn in FOLLOW_UP.messages(row, answer="GAS"))
    assert system.isascii() == (language == "en") and user.endswith("GAS")
    user = GROUNDING.messages(row, answer="GAS", question="WHY")[1]["content"]
    assert user.index("bread") < user.index("GAS") < user.index("WHY") and user.endswith("WHY")
