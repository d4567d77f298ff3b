"""Reasons, faults by name, and two scores."""

from __future__ import annotations

import json

import pytest

from distilray.prompts import VERIFY_QUALITY
from distilray.prompts.verify_quality import PROBLEMS
from distilray.rows import Row

GOOD = {"reasons": "7*8 is 56", "problems": ["wrong"], "instruction": 8, "answer": 1}


def test_a_good_reply_is_read() -> None:
    found = VERIFY_QUALITY.parse(json.dumps(GOOD))
    assert (found.problems, found.instruction, found.answer) == (("wrong",), 8, 1)
    assert VERIFY_QUALITY.parse(json.dumps(GOOD | {"problems": []})).problems == ()


@pytest.mark.parametrize(
    "reply",
    [
        "The answer is wrong: 1/9",
        json.dumps(GOOD | {"problems": ["ugly"]}),
        json.dumps(GOOD | {"problems": "wrong"}),
        json.dumps(GOOD | {"answer": 10}),
        json.dumps(GOOD | {"verdict": "keep"}),
        "Score 8. " + json.dumps(GOOD),
    ],
)
def test_anything_else_is_refused(reply: str) -> None:
    with pytest.raises(ValueError, match='expected one JSON object with "reasons"'):
        VERIFY_QUALITY.parse(reply)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_fault_is_explained(language: str) -> None:
    row = Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "7*8?"}]})
    system, user = (turn["content"] for turn in VERIFY_QUALITY.messages(row, answer="54"))
    assert all(f"{problem}: " in system for problem in PROBLEMS)
    assert "7*8?" in user and user.endswith("54")
