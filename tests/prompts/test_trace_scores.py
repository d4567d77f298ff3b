"""Two digits about a trace, and the prompts that put a trace to the test."""

from __future__ import annotations

import pytest

from distilray.prompts import CONTINUE_TRACE, SCORE_TRACE, SPOIL_TRACE, TraceScores
from distilray.rows import Row

TRACE = "2+3\n\n5"


def row(language: str) -> Row:
    return Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "2+3=?"}]})


def test_two_digits_are_scores() -> None:
    for reply in ('{"verbosity": 3, "difficulty": 0}\n', '```json\n{"verbosity": 3.0, "difficulty": 0}\n```'):
        assert SCORE_TRACE.parse(reply) == TraceScores(verbosity=3, difficulty=0)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("3", "the reply"),
        ('verbosity 3, difficulty 2 {"verbosity": 3, "difficulty": 2}', "the reply"),
        ('{"verbosity": 3}', "difficulty"),
        ('{"verbosity": 10, "difficulty": 2}', "verbosity"),
        ('{"verbosity": 3.5, "difficulty": 2}', "verbosity"),
        ('{"verbosity": "3", "difficulty": 2}', "verbosity"),
        ('{"verbosity": 3, "difficulty": 2, "note": "long"}', "note"),
    ],
)
def test_anything_else_is_refused_with_its_place(reply: str, found: str) -> None:
    with pytest.raises(ValueError, match=f'"verbosity" and "difficulty" .*{found}'):
        SCORE_TRACE.parse(reply)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("prompt", [SCORE_TRACE, SPOIL_TRACE, CONTINUE_TRACE], ids=repr)
def test_what_varies_between_calls_about_a_row_comes_last(prompt, language: str) -> None:
    [system, user] = prompt.messages(row(language), trace=TRACE, answer="5")
    assert system["role"] == "system" and "2+3" not in system["content"]
    assert user["content"].endswith(TRACE)
    assert user["content"].index("2+3=?") < user["content"].index(TRACE)


def test_the_prompts_speak_the_language_of_the_row() -> None:
    for prompt in (SCORE_TRACE, SPOIL_TRACE, CONTINUE_TRACE):
        english, chinese = (prompt.messages(row(language), trace=TRACE, answer=None) for language in ("en", "zh"))
        assert english[0]["content"].isascii()
        assert not chinese[0]["content"].isascii()
