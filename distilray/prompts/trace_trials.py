"""Testing a trace: a student continues it, or a model spoils it.

CONTINUE_TRACE asks a student to finish a trace whose conclusion was taken away: if it arrives at the right answer, it
could follow. SPOIL_TRACE makes the rejected side of a preference pair: the same trace with one mistake and its
consequences.
"""

from __future__ import annotations

from distilray.prompts.answer import parse_answer
from distilray.prompts.prompt import Prompt
from distilray.prompts.traces import parse_trace

CONTINUE_TRACE = Prompt("continue_trace", parse_answer)
"""Variables: ``trace``, without its conclusion."""

SPOIL_TRACE = Prompt("spoil_trace", parse_trace)
"""Variables: ``trace``, ``answer``."""
