"""The system turn under which requests are written, and one word about how good one is."""

from __future__ import annotations

import pytest

from distilray.prompts import GRADES, RATE_INSTRUCTION, SYNTHESIZE
from distilray.rows import Row


def row(language: str) -> Row:
    return Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "Name a river."}]})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_system_turn_names_the_task_where_there_is_one(language: str) -> None:
    steered, free = (SYNTHESIZE.messages(row(language), task=task)[0] for task in ("music", None))
    assert steered["role"] == "system" and "music" in steered["content"]
    assert '"' not in free["content"] and "None" not in free["content"]
    assert free["content"].isascii() == (language == "en")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_grade_is_explained(language: str) -> None:
    system, user = (turn["content"] for turn in RATE_INSTRUCTION.messages(row(language)))
    assert all(f"{grade}: " in system for grade in GRADES[:4]) and "excellent: " in system
    assert user == "Name a river."


def test_a_grade_is_exactly_one_word() -> None:
    assert [RATE_INSTRUCTION.parse(f"{grade}\n") for grade in GRADES] == list(GRADES)
    for reply in ("Good", "good.", "very good", "4"):
        with pytest.raises(ValueError, match="exactly one word of unusable, poor, fair, good, excellent"):
            RATE_INSTRUCTION.parse(reply)
