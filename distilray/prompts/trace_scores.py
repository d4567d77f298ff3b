"""SCORE_TRACE: how wordy a trace is and how hard its thoughts are, one digit each (OmniThought's RV and CD).

SCORE_TRACE.parse('{"verbosity": 3, "difficulty": 2}') -> TraceScores(verbosity=3, difficulty=2)
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from distilray.models import Constraint
from distilray.prompts.judge import Score
from distilray.prompts.prompt import Prompt


class TraceScores(BaseModel):
    """Integers from 0 to 9. ``verbosity``: how much is written, against what the problem needs; ``difficulty``: how
    able a reader must be to follow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verbosity: Score
    difficulty: Score


def parse_trace_scores(reply: str) -> TraceScores:
    """The JSON object and nothing around it."""
    try:
        return TraceScores.model_validate_json(reply.strip())
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the reply"
        raise ValueError(
            'expected one JSON object with "verbosity" and "difficulty" (integers 0-9); '
            f"{place}: {problem['msg']}; found {reply[:80]!r}"
        ) from error


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
