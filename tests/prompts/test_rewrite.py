"""A rewritten answer alone, and three yes-or-no findings about it."""

from __future__ import annotations

import json

import pytest

from distilray.prompts import PRESERVED, REWRITE
from distilray.rows import Row

GOOD = {"check": "all there", "answer_kept": True, "facts_kept": True, "nothing_added": True}


def test_an_answer_may_have_any_form() -> None:
    for answer in ("It is 7.", "```python\nprint(7)\n```", "Here is a list:\n- 7", '{"a": 7}'):
        assert REWRITE.parse(f"\n{answer}\n") == answer


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("  ", "empty"),
        ("<think>hm</think>It is 7.", "<think>"),
        ("Here is the rewritten answer:\n\nIt is 7.", "preamble"),
        ("以下是改写后的回答:\n是7。", "preamble"),
    ],
)
def test_nothing_may_stand_around_it(reply: str, found: str) -> None:
    with pytest.raises(ValueError, match=f"expected .*{found}"):
        REWRITE.parse(reply)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, None),
        ({"answer_kept": False, "facts_kept": False}, "another answer"),
        ({"facts_kept": False, "nothing_added": False}, "facts lost"),
        ({"nothing_added": False}, "facts added"),
    ],
)
def test_the_first_finding_that_is_bad_is_the_problem(changed: dict, problem: str | None) -> None:
    assert PRESERVED.parse(json.dumps(GOOD | changed)).problem == problem


@pytest.mark.parametrize(
    "reply", ["yes", json.dumps({**GOOD, "answer_kept": "yes"}), json.dumps({**GOOD, "score": 1}), '{"check": ""}']
)
def test_anything_else_is_refused(reply: str) -> None:
    with pytest.raises(ValueError, match="answer_kept, facts_kept, nothing_added"):
        PRESERVED.parse(reply)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_varies_between_calls_about_a_row_comes_last(language: str) -> None:
    row = Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "3+4=?"}]})
    assert REWRITE.messages(row, answer="SEVEN")[1]["content"].endswith("SEVEN")
    user = PRESERVED.messages(row, answer="SEVEN", rewrite="7!")[1]["content"]
    assert user.index("3+4") < user.index("SEVEN") < user.index("7!")
