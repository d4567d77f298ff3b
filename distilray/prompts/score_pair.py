"""SCORE_PAIR: two answers to one question, each scored on accuracy, relevance, helpfulness and detail, after a check
written down first.

SCORE_PAIR.parse('{"check": "2+3=5", "first": {"accuracy": 9, "relevance": 9, "helpfulness": 9, "detail": 7},
                   "second": {"accuracy": 0, "relevance": 9, "helpfulness": 2, "detail": 5}}')
-> Comparison(check='2+3=5', first=Marks(accuracy=9, ...), second=Marks(accuracy=0, ...))

Judges prefer what stands first, so callers ask in both orders.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, StrictStr

from distilray.models import Constraint
from distilray.prompts.json_reply import read_object
from distilray.prompts.judge import CRITERIA, Score
from distilray.prompts.prompt import Prompt


class Marks(BaseModel):
    """Of one answer: integers from 0 (worst) to 9 (best)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accuracy: Score
    relevance: Score
    helpfulness: Score
    detail: Score


class Comparison(BaseModel):
    """The answers in the order in which they were shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: StrictStr
    first: Marks
    second: Marks


def parse_comparison(reply: str) -> Comparison:
    """The JSON object and nothing around it but a code fence."""
    expected = f'expected one JSON object with "check" (text), and {", ".join(CRITERIA)} (integers 0-9) of each'
    return read_object(Comparison, reply, f'{expected} of "first" and "second"')


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_MARKS = _object({name: {"type": "integer", "minimum": 0, "maximum": 9} for name in CRITERIA})

SCORE_PAIR: Prompt[Comparison] = Prompt(
    "score_pair",
    parse_comparison,
    constraint=Constraint("json", _object({"check": {"type": "string"}, "first": _MARKS, "second": _MARKS})),
)
"""Variables: ``first`` and ``second``, the answers."""
