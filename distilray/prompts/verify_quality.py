"""VERIFY_QUALITY: the last look at an instruction and its answer: reasons, what is wrong, two scores.

VERIFY_QUALITY.parse('{"reasons": "7*8 is 56", "problems": ["wrong"], "instruction": 8, "answer": 1}')
-> Quality(reasons='7*8 is 56', problems=('wrong',), instruction=8, answer=1)
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, StrictStr

from distilray.models import Constraint
from distilray.prompts.json_reply import read_object
from distilray.prompts.judge import Score
from distilray.prompts.prompt import Prompt

Problem = Literal[
    "unclear", "unanswerable", "wrong", "incomplete", "off topic", "wrong form", "wrong language", "unsafe", "phrases"
]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)


class Quality(BaseModel):
    """``reasons`` come first: a judge that scores before it has looked is blind to the content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reasons: StrictStr
    problems: tuple[Problem, ...]
    instruction: Score
    answer: Score


def parse_quality(reply: str) -> Quality:
    """The JSON object and nothing around it but a code fence."""
    expected = 'expected one JSON object with "reasons" (text), "problems" (a list of'
    return read_object(Quality, reply, f'{expected} {", ".join(PROBLEMS)}), "instruction" and "answer" (integers 0-9)')


_SCORE = {"type": "integer", "minimum": 0, "maximum": 9}
VERIFY_QUALITY: Prompt[Quality] = Prompt(
    "verify_quality",
    parse_quality,
    constraint=Constraint(
        "json",
        {
            "type": "object",
            "properties": {
                "reasons": {"type": "string"},
                "problems": {"type": "array", "items": {"enum": list(PROBLEMS)}, "maxItems": len(PROBLEMS)},
                "instruction": _SCORE,
                "answer": _SCORE,
            },
            "required": list(Quality.model_fields),
            "additionalProperties": False,
        },
    ),
)
"""Variables: ``answer``."""
