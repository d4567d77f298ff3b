"""Rating a reasoning trace from a small model's view, and rewriting it towards what such a model can follow.

The trace of a row is ``row["reasoning"]`` where it is present, else ``row["answer"]``; callers pass it as
``trace``, since it changes between calls about one row, and the final result as ``answer`` (or ``None`` where
it is not known). Definitions of the three ratings: the DistilQwen2.5-DS3-0324 post.
"""

from __future__ import annotations

import re
from typing import Literal, cast

from distilray.models import Constraint
from distilray.prompts.prompt import Prompt

Rating = Literal["easy", "medium", "hard"]
RATINGS: tuple[Rating, ...] = ("easy", "medium", "hard")

_PREAMBLE = re.compile(r"(here is|here's|sure|certainly|of course|以下是|好的|当然)[^\n]*[::]\s*\n", re.IGNORECASE)


def trace_steps(trace: str) -> list[str]:
    """The steps of a trace: its paragraphs, separated by blank lines."""
    return [step for step in re.split(r"\n\s*\n", trace.strip()) if step]


def parse_rating(reply: str) -> Rating:
    """Exactly one of the three words; anything around it makes the reply invalid."""
    word = reply.strip()
    if word not in RATINGS:
        raise ValueError(f"expected exactly one word of {', '.join(RATINGS)}, found {reply[:80]!r}")
    return cast(Rating, word)


def parse_trace(reply: str) -> str:
    """The trace alone, its blank-line steps as they are; no tags, no fence, nothing said about it."""
    trace = reply.strip()
    if not trace:
        raise ValueError("expected a reasoning trace, found an empty reply")
    if "<think>" in trace or "</think>" in trace:
        raise ValueError("expected the trace alone, found <think> tags in it")
    if trace.startswith("```"):
        raise ValueError("expected the trace alone, found it in a code fence")
    if preamble := _PREAMBLE.match(trace):
        raise ValueError(f"expected the trace alone, found the preamble {preamble[0].strip()!r}")
    return trace


RATE_TRACE: Prompt[Rating] = Prompt("rate_trace", parse_rating, constraint=Constraint("choice", list(RATINGS)))
"""Variables: ``trace``, ``answer``."""

SHORTEN_TRACE = Prompt("shorten_trace", parse_trace)
"""Variables: ``trace``, ``answer``."""

EXTEND_TRACE = Prompt("extend_trace", parse_trace)
"""Variables: ``trace``, ``answer``."""
