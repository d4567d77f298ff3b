"""What a model wrote becomes a row only if it is in the right language, of the right task, and new."""

from __future__ import annotations

import asyncio
import json

import pytest

from distilray.steps.shared.created import asked, born, written_in
from tests.support.planted import problem


@pytest.mark.parametrize(
    ("text", "language", "holds"),
    [
        ("Name three rivers.", "en", True),
        ("Name three rivers.", "zh", False),
        ("写一首关于雨的诗。", "zh", True),
        ("写一首关于雨的诗。", "en", False),
        ("What does 你好 mean in this sentence?", "en", True),
        ("解释这段代码:\n```python\nfor item in items:\n    print(item, end=' ')\n```", "zh", True),
        ("Translate into Chinese: `早上好`", "en", True),
        ("2 + 3 = ?", "zh", True),
    ],
)
def test_the_language_is_told_by_the_script_with_code_aside(text: str, language: str, holds: bool) -> None:
    assert asyncio.run(written_in(text, language)) is holds


def test_other_languages_are_told_by_the_detector() -> None:
    french = "Explique pourquoi la mer est salée et donne trois exemples de mers très salées."
    assert asyncio.run(written_in(french, "fr"))
    assert not asyncio.run(written_in("Explain why the sea is salty, and name three very salty seas.", "fr"))


def test_a_child_has_its_parents_source_license_and_task_and_none_of_its_scores() -> None:
    parent = problem(
        source="gsm8k",
        extra='{"license": "MIT", "turn_weights": [0.0]}',
        difficulty=4.0,
        level=3,
        history=[{"step": "a"}],
    )
    child = born(parent, "expand", 2, "Wie viele?", "de", inherit=("level",))
    assert (child.id, child["parent"]) == (f"{parent.id}/expand.2", parent.id)
    assert (child["source"], child.task, child.language, child["level"]) == ("gsm8k", "math", "de", 3)
    assert json.loads(child["extra"]) == {"license": "MIT"}
    assert child.messages == [{"role": "user", "content": "Wie viele?"}]
    for column in ("answer", "reasoning", "reference", "difficulty", "history"):
        assert column not in child
    assert child["content_hash"] != parent["content_hash"]


def test_a_parent_without_marks_hands_on_what_its_record_held() -> None:
    assert born(problem(extra='{"a": 1}'), "expand", 0, "x", "en")["extra"] == '{"a": 1}'
    assert born(problem(), "expand", 0, "x", "en")["extra"] is None


def test_a_question_asked_in_a_rows_place_has_no_answer() -> None:
    new = asked(problem(), "Name a lake.", "en")
    assert (new.instruction, new["answer"], new["reasoning"]) == ("Name a lake.", None, None)
