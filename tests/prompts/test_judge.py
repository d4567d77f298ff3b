"""JUDGE: exactly the five keys, integers from 0 to 9, nothing around them."""

from __future__ import annotations

import json

import pytest

from distilray.prompts import CRITERIA, JUDGE, Judgement

GOOD = {"check": "2+3=5 5 ok", "accuracy": 9, "relevance": 8, "helpfulness": 7, "detail": 0}


def test_a_good_reply_is_read() -> None:
    assert JUDGE.parse(json.dumps(GOOD) + "\n") == Judgement(**GOOD)


def test_the_check_comes_before_the_scores() -> None:
    assert JUDGE.constraint is not None
    assert list(JUDGE.constraint.value["properties"]) == ["check", *CRITERIA]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "9",
        "I give it a 9 because " + json.dumps(GOOD),
        json.dumps(GOOD) + " I am sure.",
        "```json\n" + json.dumps(GOOD) + "\n```\n```json\n" + json.dumps(GOOD) + "\n```",
        "```json\n" + json.dumps(GOOD) + "\n```\nor " + json.dumps(GOOD),
        json.dumps({**GOOD, "accuracy": 7.5}),
        json.dumps({**GOOD, "accuracy": "8/10"}),
        json.dumps({**GOOD, "accuracy": float("nan")}),
        json.dumps(GOOD)[:-1] + ', "accuracy": 2}',
        json.dumps([GOOD]),
        json.dumps({**GOOD, "accuracy": 10}),
        json.dumps({**GOOD, "accuracy": -1}),
        json.dumps({**GOOD, "accuracy": 8.5}),
        json.dumps({**GOOD, "accuracy": "9"}),
        json.dumps({**GOOD, "accuracy": True}),
        json.dumps({**GOOD, "overall": 9}),
        json.dumps({key: value for key, value in GOOD.items() if key != "check"}),
        json.dumps(GOOD)[:-4],
    ],
)
def test_a_reply_that_is_not_exactly_that_says_what_was_expected(reply: str) -> None:
    with pytest.raises(ValueError, match='expected one JSON object with "check"'):
        JUDGE.parse(reply)


def test_the_error_names_the_place() -> None:
    with pytest.raises(ValueError, match="helpfulness: .*less than or equal to 9"):
        JUDGE.parse(json.dumps({**GOOD, "helpfulness": 11}))


@pytest.mark.parametrize(
    "reply",
    [
        "```json\n" + json.dumps(GOOD) + "\n```",
        "```\n" + json.dumps(GOOD, indent=2) + "\n```\n",
        "Here is my evaluation:\n\n```json\n" + json.dumps(GOOD) + "\n```",
        json.dumps({**GOOD, "accuracy": 9.0}),
    ],
)
def test_one_fenced_object_is_the_object_and_a_whole_number_is_an_integer(reply: str) -> None:
    judged = JUDGE.parse(reply)
    assert judged == Judgement(**GOOD)
    assert type(judged.accuracy) is int


@pytest.mark.parametrize("score", ["7.5", '"8/10"'])
def test_a_refused_reply_is_shown(score: str) -> None:
    reply = json.dumps(GOOD).replace('"accuracy": 9', f'"accuracy": {score}')
    with pytest.raises(ValueError, match="accuracy: .*found ") as refused:
        JUDGE.parse(reply)
    assert score.strip('"') in str(refused.value)
