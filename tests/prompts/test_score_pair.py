"""SCORE_PAIR: a check, and four integers for each of two answers."""

from __future__ import annotations

import json

import pytest

from distilray.prompts import CRITERIA, SCORE_PAIR
from distilray.rows import Row

MARKS = {"accuracy": 9, "relevance": 8, "helpfulness": 7, "detail": 0}
GOOD = {"check": "2+3=5", "first": MARKS, "second": {**MARKS, "accuracy": 1}}


def test_a_good_reply_is_read_bare_or_in_a_fence() -> None:
    for reply in (json.dumps(GOOD), f"```json\n{json.dumps(GOOD)}\n```"):
        compared = SCORE_PAIR.parse(reply)
        assert (compared.check, compared.first.accuracy, compared.second.accuracy) == ("2+3=5", 9, 1)


@pytest.mark.parametrize(
    "reply",
    [
        "the first one",
        json.dumps({**GOOD, "first": 9}),
        json.dumps({"check": "", "first": MARKS}),
        json.dumps({**GOOD, "second": {**MARKS, "accuracy": 10}}),
        json.dumps({**GOOD, "second": {**MARKS, "accuracy": "9"}}),
        json.dumps({**GOOD, "winner": "first"}),
        "I prefer the first: " + json.dumps(GOOD),
    ],
)
def test_anything_else_says_what_was_expected(reply: str) -> None:
    with pytest.raises(ValueError, match='expected one JSON object with "check"'):
        SCORE_PAIR.parse(reply)


def test_the_constraint_has_the_check_first_and_all_criteria_of_both() -> None:
    assert SCORE_PAIR.constraint is not None
    schema = SCORE_PAIR.constraint.value
    assert list(schema["properties"]) == ["check", "first", "second"]
    assert schema["properties"]["second"]["required"] == list(CRITERIA)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_answers_are_shown_in_their_order(language: str) -> None:
    row = Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "2+3=?"}]})
    system, user = (turn["content"] for turn in SCORE_PAIR.messages(row, first="FIVE", second="SIX"))
    assert "2+3" not in system and '"second": {"accuracy"' in system
    assert user.index("2+3=?") < user.index("FIVE") < user.index("SIX")
