"""JUDGE: an answer scored on accuracy, relevance, helpfulness and detail, after a check written down first.

JUDGE.parse('{"check": "2+3=5 5 ok", "accuracy": 9, "relevance": 9, "helpfulness": 9, "detail": 7}')
-> Judgement(check='2+3=5 5 ok', accuracy=9, relevance=9, helpfulness=9, detail=7)
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from distilray.models import Constraint
from distilray.prompts.json_reply import read_object
from distilray.prompts.prompt import Prompt

Score = Annotated[StrictInt, Field(ge=0, le=9)]


class Judgement(BaseModel):
    """Scores are integers from 0 (worst) to 9 (best). ``check`` comes first: a judge that scores before it
    has compared is blind to the content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: StrictStr
    accuracy: Score
    relevance: Score
    helpfulness: Score
    detail: Score


CRITERIA = tuple(name for name in Judgement.model_fields if name != "check")


def parse_judgement(reply: str) -> Judgement:
    """The JSON object and nothing around it but a code fence; the first number of a sentence is never taken for a
    score."""
    expected = f'expected one JSON object with "check" (text) and {", ".join(CRITERIA)} (integers 0-9)'
    return read_object(Judgement, reply, expected)


JUDGE: Prompt[Judgement] = Prompt(
    "judge",
    parse_judgement,
    constraint=Constraint(
        "json",
        {
            "type": "object",
            "properties": {
                "check": {"type": "string"},
                **{name: {"type": "integer", "minimum": 0, "maximum": 9} for name in CRITERIA},
            },
            "required": ["check", *CRITERIA],
            "additionalProperties": False,
        },
    ),
)
"""Variables: ``answer``, the text to judge."""
