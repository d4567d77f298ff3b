"""FOLLOW_UP: a model plays the user and asks on; GROUNDING: does the question rest on the answer before it?

FOLLOW_UP.parse('{"quote": "frees carbon dioxide", "question": "What does the gas do in the dough?"}')
-> Question(quote="frees carbon dioxide", question="What does the gas do in the dough?")

``quote`` comes first: a model that names what it takes up asks about that.
"""

from __future__ import annotations

from typing import Literal, cast

from pydantic import BaseModel, ConfigDict

from distilray.models import Constraint
from distilray.prompts.json_reply import read_object
from distilray.prompts.new_instructions import Text
from distilray.prompts.prompt import Prompt

Grounding = Literal["grounded", "outside", "answered"]
GROUNDINGS: tuple[Grounding, ...] = ("grounded", "outside", "answered")


class Question(BaseModel):
    """``quote``: the words of the last answer that the question takes up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quote: Text
    question: Text


def parse_question(reply: str) -> Question:
    """The JSON object and nothing around it but a code fence."""
    return read_object(Question, reply, 'expected one JSON object with "quote" and "question" (texts)')


def parse_grounding(reply: str) -> Grounding:
    """Exactly one of the three words."""
    word = reply.strip()
    if word not in GROUNDINGS:
        raise ValueError(f"expected exactly one word of {', '.join(GROUNDINGS)}, found {reply[:80]!r}")
    return cast(Grounding, word)


FOLLOW_UP: Prompt[Question] = Prompt(
    "follow_up",
    parse_question,
    constraint=Constraint(
        "json",
        {
            "type": "object",
            "properties": {name: {"type": "string", "minLength": 1} for name in Question.model_fields},
            "required": list(Question.model_fields),
            "additionalProperties": False,
        },
    ),
)
"""Variables: ``answer``, the last answer."""

GROUNDING: Prompt[Grounding] = Prompt("grounding", parse_grounding, constraint=Constraint("choice", list(GROUNDINGS)))
"""Variables: ``answer``, ``question``."""
