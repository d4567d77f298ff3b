"""Can a student follow a trace? It gets the trace without its conclusion and must find the answer itself."""

from __future__ import annotations

from distilray import verifiers
from distilray.prompts import CONTINUE_TRACE, trace_steps
from distilray.rows import Row
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.trace import TraceStep


async def follows(step: TraceStep, row: Row, trace: str, models: Models, student: ModelName, samples: int) -> float:
    """The share of the student's ``samples`` continuations of ``trace`` that end in the right answer, 0 to 1.

    One that was cut by length is wrong. ``step`` defines how an answer is verified. The student needs a temperature
    above 0, or all are identical.
    """
    replies = await models[student].replies(CONTINUE_TRACE, row, n=samples, trace=without_conclusion(trace))
    as_answer, right = row.having(reasoning=None), 0  # a continuation is an answer, not thoughts before one
    for reply in replies:
        if reply.finish_reason != "length" and reply.text.strip():
            right += (await step.reaches(as_answer, reply.text, models)).right is True
    return right / len(replies)


def without_conclusion(trace: str) -> str:
    """The trace up to where it states its result: a student that only copies must not look like one that follows.

    ``"2+3\\n\\nones 2+3=5\\n\\nanswer: 5"`` -> ``"2+3\\n\\nones 2+3=5"``
    """
    steps = trace_steps(trace)[:-1]
    while steps and verifiers.extract_final_answer(steps[-1], "text") is not None:
        steps.pop()
    return "\n\n".join(steps)
