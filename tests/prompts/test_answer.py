"""ANSWER: the form that the task wants, around the row's own conversation."""

from __future__ import annotations

import pytest

from distilray.prompts import ANSWER
from distilray.rows import Row

TURNS = [
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "The Elbe."},
    {"role": "user", "content": "How long is it?"},
]


def system(task: str | None, language: str = "en") -> str:
    return ANSWER.messages(Row({"id": "x", "task": task, "language": language, "messages": TURNS}))[0]["content"]


def test_the_users_side_is_the_rows_own_conversation() -> None:
    assert ANSWER.messages(Row({"id": "x", "messages": TURNS}))[1:] == TURNS


def test_a_system_message_of_the_row_joins_the_prompts_own() -> None:
    own = {"role": "system", "content": "You are a geographer."}
    messages = ANSWER.messages(Row({"id": "x", "messages": [own, *TURNS]}))
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0]["content"].startswith("Answer precisely but completely")
    assert messages[0]["content"].endswith("You are a geographer.")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_kind_of_task_has_its_own_form(language: str) -> None:
    forms = [system(task, language) for task in ("math", "code generation", "writing", "history")]
    assert len(set(forms)) == 4
    assert system("reasoning", language) == forms[0] and system("code debugging", language) == forms[1]
    assert system(None, language) == forms[3]


@pytest.mark.parametrize("task", ["math", "code generation", "writing", "history"])
def test_every_form_asks_for_precise_but_complete_answers(task: str) -> None:
    assert system(task).startswith("Answer precisely but completely")


def test_the_answer_is_the_text_without_the_space_around_it() -> None:
    assert ANSWER.parse("\n1094 km.\n\nFrom its source.\n") == "1094 km.\n\nFrom its source."


def test_an_empty_reply_is_no_answer() -> None:
    with pytest.raises(ValueError, match="expected an answer"):
        ANSWER.parse(" \n")
