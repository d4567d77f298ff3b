"""STYLED_ANSWER: a style for every type of task, and no fixed mark in any."""

from __future__ import annotations

import pytest

from distilray.prompts import STYLED_ANSWER, STYLES, TASK_TYPES, style_of
from distilray.rows import Row

TURNS = [{"role": "user", "content": "How long is the Elbe?"}]


def system(style: str, language: str) -> str:
    first, user = STYLED_ANSWER.messages(Row({"id": "r", "language": language, "messages": TURNS}), style=style)
    assert user == TURNS[0]
    return first["content"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_style_has_words_of_its_own_under_the_same_opening(language: str) -> None:
    written = [system(style, language) for style in STYLES]
    assert len(set(written)) == len(STYLES)
    assert len({text.splitlines()[0] for text in written}) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_style_asks_for_a_fixed_mark_before_the_result(language: str) -> None:
    for style in STYLES:
        assert not {'"answer', '"答案', "boxed", "####"} & set(system(style, language).replace(":", " ").split())
        assert '"' not in system(style, language)


def test_every_type_of_task_has_a_style() -> None:
    assert {style_of(task) for task in TASK_TYPES} == set(STYLES)
    assert [task for task in TASK_TYPES if style_of(task) == "direct"] == ["others"]
    assert (style_of("math"), style_of("code debugging"), style_of("writing")) == ("step_by_step", "code", "rich")
    assert style_of("something new") == "direct"
