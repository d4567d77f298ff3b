"""Prompts that write instructions: JSON comes back and nothing around it."""

from __future__ import annotations

import pytest

from distilray.prompts import COMPARE_CONTENT, EXPAND, LOCALIZE, REFINE, Prompt
from distilray.rows import Row

VARIABLES = {
    "expand": {"n": 3, "examples": ("Name a lake.",), "guidance": "GUIDE"},
    "refine": {"aim": "depth", "guidance": "GUIDE"},
    "localize": {"task": "history", "guidance": "GUIDE"},
    "compare_content": {"instruction": "Name a lake."},
}


def row(language: str, task: str | None = "history") -> Row:
    return Row({"id": "r", "language": language, "task": task, "messages": [{"role": "user", "content": "Why Rome?"}]})


def sent(prompt: Prompt, language: str, **changes) -> tuple[str, str]:
    system, user = prompt.messages(row(language), **(VARIABLES[prompt.name] | changes))
    return system["content"], user["content"]


def test_several_instructions_come_as_a_list() -> None:
    assert EXPAND.parse('{"instructions": [" Name a lake. ", "Why is the sea salty?"]}') == (
        "Name a lake.",
        "Why is the sea salty?",
    )
    assert EXPAND.parse('```json\n{"instructions": ["写一首诗"]}\n```') == ("写一首诗",)


@pytest.mark.parametrize(
    "reply",
    [
        "1. Name a lake.\n2. Why is the sea salty?",
        '{"instructions": []}',
        '{"instructions": "Name a lake."}',
        '{"instructions": ["Name a lake.", " "]}',
        '{"instructions": ["Name a lake.", 5]}',
        '{"instructions": ["Name a lake."], "note": "one"}',
        'Sure! {"instructions": ["Name a lake."]}',
    ],
)
def test_anything_else_is_refused(reply: str) -> None:
    with pytest.raises(ValueError, match='expected one JSON object with "instructions", a list of texts'):
        EXPAND.parse(reply)


@pytest.mark.parametrize("prompt", [REFINE, LOCALIZE], ids=repr)
def test_one_instruction_comes_alone(prompt: Prompt) -> None:
    assert prompt.parse('{"instruction": "Name a lake."}') == "Name a lake."
    for reply in ("Name a lake.", '{"instruction": ""}', '{"instruction": "a", "answer": "b"}'):
        with pytest.raises(ValueError, match='expected one JSON object with "instruction", a text'):
            prompt.parse(reply)


def test_two_contents_are_the_same_or_other() -> None:
    assert [COMPARE_CONTENT.parse(word) for word in ("same", "other\n")] == ["same", "other"]
    with pytest.raises(ValueError, match="exactly one word of same, other"):
        COMPARE_CONTENT.parse("They are the same.")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("prompt", [EXPAND, REFINE, LOCALIZE], ids=repr)
def test_the_row_stands_in_the_users_turn_and_guidance_in_the_system_turn(prompt: Prompt, language: str) -> None:
    system, user = sent(prompt, language)
    assert "Why Rome?" in user and "Why Rome?" not in system
    assert "GUIDE" in system and "None" not in sent(prompt, language, guidance=None)[0]
    assert system.isascii() == (language == "en")


def test_examples_and_the_task_are_shown_where_there_are_any() -> None:
    assert "- Name a lake." in sent(EXPAND, "en")[0] and "make 3 new ones" in sent(EXPAND, "en")[0]
    assert "More instructions" not in sent(EXPAND, "en", examples=())[0]
    assert sent(EXPAND, "en")[1].startswith("Type of task: history")
    bare = EXPAND.messages(row("en", None), **VARIABLES["expand"])[1]["content"]
    assert bare.startswith("Instruction:")
    assert "(history)" in sent(LOCALIZE, "en")[0] and "(" not in sent(LOCALIZE, "en", task=None)[0].partition("{")[0]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_aim_has_words_of_its_own(language: str) -> None:
    aims = {sent(REFINE, language, aim=aim)[0] for aim in ("clarity", "constraints", "depth", "reasoning")}
    assert len(aims) == 4
