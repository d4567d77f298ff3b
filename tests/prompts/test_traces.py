"""Ratings are one word, rewritten traces come alone."""

from __future__ import annotations

import pytest

from distilray.prompts import EXTEND_TRACE, RATE_TRACE, RATINGS, SHORTEN_TRACE, trace_steps

TRACE = "482+379\n\nones 2+9+0=11\n\nanswer: 861"


@pytest.mark.parametrize("word", RATINGS)
def test_each_of_the_three_words_is_a_rating(word: str) -> None:
    assert RATE_TRACE.parse(f"{word}\n") == word


@pytest.mark.parametrize("reply", ["", "Medium", "medium.", "easy or medium", "it is hard", "中等", '"easy"'])
def test_anything_else_is_not_a_rating(reply: str) -> None:
    with pytest.raises(ValueError, match="exactly one word of easy, medium, hard"):
        RATE_TRACE.parse(reply)


def test_the_engine_may_only_produce_the_three_words() -> None:
    assert RATE_TRACE.constraint is not None
    assert (RATE_TRACE.constraint.kind, RATE_TRACE.constraint.value) == ("choice", list(RATINGS))


@pytest.mark.parametrize("prompt", [SHORTEN_TRACE, EXTEND_TRACE], ids=repr)
def test_a_trace_comes_back_with_its_blank_line_steps(prompt) -> None:
    assert prompt.parse(f"\n{TRACE}\n") == TRACE
    assert trace_steps(prompt.parse(TRACE)) == ["482+379", "ones 2+9+0=11", "answer: 861"]


@pytest.mark.parametrize("prompt", [SHORTEN_TRACE, EXTEND_TRACE], ids=repr)
@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("  ", "empty"),
        (f"<think>hm</think>{TRACE}", "<think>"),
        (f"```\n{TRACE}\n```", "code fence"),
        (f"Here is the condensed trace:\n\n{TRACE}", "preamble"),
        (f"以下是精简后的推理过程:\n{TRACE}", "preamble"),
    ],
)
def test_a_trace_with_something_around_it_is_refused(prompt, reply: str, found: str) -> None:
    with pytest.raises(ValueError, match=f"expected .*{found}"):
        prompt.parse(reply)
