"""ANSWER: the teacher answers the row's own conversation, in the form that the row's task wants."""

from __future__ import annotations

from distilray.prompts.prompt import Prompt


def parse_answer(reply: str) -> str:
    """The answer's text, whatever its form; only an empty one is no answer."""
    answer = reply.strip()
    if not answer:
        raise ValueError("expected an answer, found an empty reply")
    return answer


ANSWER = Prompt("answer", parse_answer)
"""Step by step for maths and sciences that calculate, commented and explained code, rich detail for writing,
'precise but complete' for everything."""
