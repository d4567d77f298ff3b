"""Prompts that write instructions from an instruction, and one that compares two of them.

EXPAND.parse('{"instructions": ["Name three lakes.", "Why is the sea salty?"]}')
-> ("Name three lakes.", "Why is the sea salty?")
REFINE.parse('{"instruction": "Name three rivers over 1,000 km long."}') -> "Name three rivers over 1,000 km long."
"""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from distilray.models import Constraint
from distilray.prompts.json_reply import read_object
from distilray.prompts.prompt import Prompt

Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Content = Literal["same", "other"]
CONTENTS: tuple[Content, ...] = ("same", "other")


class _Several(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    instructions: tuple[Text, ...] = Field(min_length=1)


class _One(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: Text


def parse_instructions(reply: str) -> tuple[str, ...]:
    """The texts of the JSON object's list, in order; none is empty."""
    return read_object(_Several, reply, 'expected one JSON object with "instructions", a list of texts').instructions


def parse_instruction(reply: str) -> str:
    """The text of the JSON object."""
    return read_object(_One, reply, 'expected one JSON object with "instruction", a text').instruction


def parse_content(reply: str) -> Content:
    """Exactly one of the two words."""
    word = reply.strip()
    if word not in CONTENTS:
        raise ValueError(f"expected exactly one word of {', '.join(CONTENTS)}, found {reply[:80]!r}")
    return cast(Content, word)


_TEXT = {"type": "string", "minLength": 1}
_SEVERAL = Constraint(
    "json",
    {
        "type": "object",
        "properties": {"instructions": {"type": "array", "items": _TEXT, "minItems": 1}},
        "required": ["instructions"],
        "additionalProperties": False,
    },
)
_ONE = Constraint(
    "json",
    {
        "type": "object",
        "properties": {"instruction": _TEXT},
        "required": ["instruction"],
        "additionalProperties": False,
    },
)

EXPAND: Prompt[tuple[str, ...]] = Prompt("expand", parse_instructions, constraint=_SEVERAL)
"""Variables: ``n``, how many; ``examples``, further instructions as models; ``guidance``, a sentence or None."""

REFINE: Prompt[str] = Prompt("refine", parse_instruction, constraint=_ONE)
"""Variables: ``aim``, one of clarity, constraints, depth, reasoning; ``guidance``."""

LOCALIZE: Prompt[str] = Prompt("localize", parse_instruction, constraint=_ONE)
"""Asked in the language that is wanted. Variables: ``task``, its type, or None; ``guidance``."""

COMPARE_CONTENT: Prompt[Content] = Prompt(
    "compare_content", parse_content, constraint=Constraint("choice", list(CONTENTS))
)
"""Variables: ``instruction``, the text to compare with the row's."""
