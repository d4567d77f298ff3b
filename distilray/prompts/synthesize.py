"""SYNTHESIZE: the system turn under which an aligned model writes a user's turn; RATE_INSTRUCTION: how good that is.

RATE_INSTRUCTION.parse("good") -> "good"

Only SYNTHESIZE's system turn is sent: after it comes the opening of a user's turn, from which the model goes on as if
it were the user (Magpie, Xu et al. 2024, arXiv 2406.08464).
"""

from __future__ import annotations

from typing import Literal, cast, get_args

from distilray.models import Constraint
from distilray.prompts.answer import parse_answer
from distilray.prompts.prompt import Prompt

Grade = Literal["unusable", "poor", "fair", "good", "excellent"]
GRADES: tuple[Grade, ...] = get_args(Grade)
"""From worst to best."""


def parse_grade(reply: str) -> Grade:
    """Exactly one of the words."""
    word = reply.strip()
    if word not in GRADES:
        raise ValueError(f"expected exactly one word of {', '.join(GRADES)}, found {reply[:80]!r}")
    return cast(Grade, word)


SYNTHESIZE = Prompt("synthesize", parse_answer)
"""Variables: ``task``, a type of task or None."""

RATE_INSTRUCTION: Prompt[Grade] = Prompt("rate_instruction", parse_grade, constraint=Constraint("choice", list(GRADES)))
