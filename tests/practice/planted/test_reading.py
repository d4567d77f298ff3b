"""Requests are known by their prompts' templates, whatever the row, and their parts are what was shown."""

from __future__ import annotations

from typing import Any

import pytest

from distilray.practice.planted.reading import LANGUAGES, PLAYED, read
from distilray.prompts import PLAIN, RATE_TRACE, REWRITE, STYLED_ANSWER, Prompt, sized
from distilray.rows import Row

ANSWER = "482+379\n\nones 2+9+0=11\n\nanswer: 861"
SHOWN: dict[str, dict[str, Any]] = {
    "compare_content": {"instruction": "Name three rivers."},
    "follow_up": {"answer": ANSWER},
    "grounding": {"answer": ANSWER, "question": "Why 11?"},
    "rewrite": {"answer": ANSWER},
    "preserved": {"answer": ANSWER, "rewrite": "It is 861."},
    "verify_quality": {"answer": ANSWER},
    "judge": {"answer": ANSWER},
}
HIDDEN: dict[str, dict[str, Any]] = {
    "synthesize": {"task": "math"},
    "expand": {"n": 3, "examples": (), "guidance": None},
    "localize": {"task": "math", "guidance": None},
    "refine": {"aim": "clarity", "guidance": None},
}


def row(language: str) -> Row:
    text = "Tom has 482 apples and gets 379 more." if language == "en" else "小明有482个苹果,又得到379个。"
    messages = [{"role": "user", "content": text}]
    return Row({"id": "r", "language": language, "task": "math", "messages": messages})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt", PLAYED, ids=lambda prompt: prompt.name)
def test_every_prompt_that_is_played_is_known_with_its_parts(prompt: Prompt[Any], language: str) -> None:
    shown = SHOWN.get(prompt.name, {})
    messages = prompt.messages(row(language), **shown, **HIDDEN.get(prompt.name, {}))
    if prompt.name == "synthesize":
        messages = messages[:1]  # as the step sends it
    asked = read(messages)
    assert asked is not None and (asked.prompt, asked.language) == (prompt.name, language)
    assert {name: asked.parts[name] for name in shown} == shown
    if prompt.name not in ("synthesize", "answer"):
        assert row(language).instruction in asked.about


def test_a_prompt_for_a_student_of_a_size_and_an_answer_in_a_style_are_known_too() -> None:
    for language in LANGUAGES:
        asked = read(sized(REWRITE, "7B").messages(row(language), answer=ANSWER))
        assert asked is not None and asked.prompt == "rewrite"
        asked = read(STYLED_ANSWER.messages(row(language), style="step_by_step"))
        assert asked is not None and asked.prompt == "answer"


def test_others_are_not() -> None:
    assert read(RATE_TRACE.messages(row("en"), trace=ANSWER, answer=None)) is None
    assert read(PLAIN.messages(row("en"))) is None
    assert read([]) is None
