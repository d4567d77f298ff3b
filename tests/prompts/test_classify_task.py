"""CLASSIFY_TASK: 33 names and ``others``, told to the model in both languages."""

from __future__ import annotations

import re

import pytest

from distilray.prompts import CLASSIFY_TASK, OTHERS, TASK_TYPES, TASKS
from distilray.rows import Row


def system(language: str) -> str:
    row = Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "Name a river."}]})
    first, user = CLASSIFY_TASK.messages(row)
    assert user["content"] == "Name a river."
    return first["content"]


def test_there_are_thirty_three_types_and_others() -> None:
    assert len(TASKS) == len(set(TASKS)) == 33
    assert (*TASKS, OTHERS) == TASK_TYPES


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_type_is_explained_once_in_both_languages(language: str) -> None:
    assert sorted(re.findall(r"^- ([^:]+): \S", system(language), re.M)) == sorted(TASK_TYPES)


def test_the_engine_may_only_say_one_of_them() -> None:
    assert CLASSIFY_TASK.constraint is not None
    assert (CLASSIFY_TASK.constraint.kind, CLASSIFY_TASK.constraint.value) == ("choice", list(TASK_TYPES))
    assert [CLASSIFY_TASK.parse(f" {name}\n") for name in TASK_TYPES] == list(TASK_TYPES)


@pytest.mark.parametrize("reply", ["", "Math", "math.", "math or physics", "It is math", "数学", "coding"])
def test_anything_else_is_no_type(reply: str) -> None:
    with pytest.raises(ValueError, match="expected exactly one of math, code generation"):
        CLASSIFY_TASK.parse(reply)
