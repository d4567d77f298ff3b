"""Putting a trace to the test: a student goes on from it, or someone spoils it.

CONTINUE_TRACE asks a student to finish a trace whose conclusion was taken away: if it arrives at the right answer, it
could follow. SPOIL_TRACE makes the wrong side of a preference pair: the same trace with one mistake and all that comes
of it.
"""

from __future__ import annotations

from distilray.prompts.answer import parse_answer
from distilray.prompts.prompt import Prompt
from distilray.prompts.traces import parse_trace

CONTINUE_TRACE = Prompt("continue_trace", parse_answer)
"""Variables: ``trace``, without its conclusion."""

SPOIL_TRACE = Prompt("spoil_trace", parse_trace)
"""Variables: ``trace``, ``answer``."""
