"""What judges are asked, and the strict reading of their replies: one JSON object, its check before its verdict.

BETTER.parse('{"check": "A adds wrongly: 2+3 is 5", "better": "B"}')       -> Better(check=..., better="B")
POINTS.parse('{"check": "right, but curt", "points": 7}')                  -> Points(check=..., points=7)

An answer stands between lines with a mark that is derived from all texts of the request, so that an answer that is the
same for every question cannot hold it and end its own place.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from distilray.models import Constraint
from distilray.prompts import Prompt, read_object

MOST_POINTS = 10


class Better(BaseModel):
    """Which of two answers is better."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: StrictStr
    better: Literal["A", "B", "tie"]


class Points(BaseModel):
    """How good an answer is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: StrictStr
    points: Annotated[StrictInt, Field(ge=1, le=MOST_POINTS)]


def parse_better(reply: str) -> Better:
    return read_object(Better, reply, 'expected one JSON object with "check" (text) and "better" ("A", "B" or "tie")')


def parse_points(reply: str) -> Points:
    return read_object(Points, reply, 'expected one JSON object with "check" (text) and "points" (1 to 10)')


def mark_of(*texts: str) -> str:
    """The mark of the lines around ``texts``: 12 hex digits of a hash of them all."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=6).hexdigest()


def _constraint(**verdict: Any) -> Constraint:
    """JSON of a check and what follows from it."""
    fields = {"check": {"type": "string"}, **verdict}
    schema = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return Constraint("json", schema)


BETTER: Prompt[Better] = Prompt(
    "judge_pair", parse_better, constraint=_constraint(better={"type": "string", "enum": ["A", "B", "tie"]})
)
"""Variables: ``question``, ``first`` and ``second``, ``reference`` (None without one) and ``mark``."""

POINTS: Prompt[Points] = Prompt(
    "judge_points",
    parse_points,
    constraint=_constraint(points={"type": "integer", "minimum": 1, "maximum": MOST_POINTS}),
)
"""Variables: ``question``, ``answer``, ``reference`` (None without one) and ``mark``."""
