"""SCORE_TRACE: how wordy a trace is and how hard its thoughts are, one digit each (OmniThought's RV and CD).

SCORE_TRACE.parse('{"verbosity": 3, "difficulty": 2}') -> TraceScores(verbosity=3, difficulty=2)
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from distilray.models import Constraint
from distilray.prompts.json_reply import read_object
from distilray.prompts.judge import Score
from distilray.prompts.prompt import Prompt


class TraceScores(BaseModel):
    """Integers from 0 to 9. ``verbosity``: how much is written, against what the problem needs; ``difficulty``: how
    able a reader must be to follow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verbosity: Score
    difficulty: Score


def parse_trace_scores(reply: str) -> TraceScores:
    """The JSON object and nothing around it but a code fence."""
    return read_object(TraceScores, reply, 'expected one JSON object with "verbosity" and "difficulty" (integers 0-9)')


SCORE_TRACE: Prompt[TraceScores] = Prompt(
    "score_trace",
    parse_trace_scores,
    constraint=Constraint(
        "json",
        {
            "type": "object",
            "properties": {name: {"type": "integer", "minimum": 0, "maximum": 9} for name in TraceScores.model_fields},
            "required": list(TraceScores.model_fields),
            "additionalProperties": False,
        },
    ),
)
"""Variables: ``trace``, ``answer``."""
