"""Reasoning traces: where one begins and ends, and the answer after it.

    "<think>\\n2 and 3 make 5.\\n</think>\\n\\nThe sum is 5."  ->  ("2 and 3 make 5.", "The sum is 5.")

A trace without an end shows that its writer was truncated, so nothing of it may be used.
"""

from __future__ import annotations

MARKS = (("<think>", "</think>"), ("<|begin_of_thought|>", "<|end_of_thought|>"))
"""How R1-like models and OpenThoughts mark a trace."""

ANSWER_MARKS = (("<answer>", "</answer>"), ("<|begin_of_solution|>", "<|end_of_solution|>"))


class MalformedRecord(ValueError):
    """Why a record cannot become a row; short and countable."""


def split_reasoning(text: str) -> tuple[str | None, str]:
    """The trace (``None`` without one) and the answer after it, both without their marks.

    The opening mark may be missing: a chat template that writes it into the prompt leaves replies without.
    """
    for begin, end in MARKS:
        if begin in text or end in text:
            break
    else:
        return None, text
    body = text.lstrip()
    opened = body.startswith(begin)
    if not opened and (begin in body or end not in body):
        return None, text  # mentions the marks, but does not begin with one
    body = body.removeprefix(begin)
    if end not in body:
        raise MalformedRecord("trace without an end")
    trace, _, answer = body.partition(end)
    if begin in trace or begin in answer or end in answer:
        raise MalformedRecord("more than one trace in one answer")
    answer = _unwrapped(answer.strip())
    if not answer:
        raise MalformedRecord("trace without an answer after it")
    return trace.strip() or None, answer


def strip_reasoning(trace: str) -> str:
    """A trace from a separate column, without marks around it."""
    body = trace.strip()
    for begin, end in MARKS:
        if body.startswith(begin) and not body.endswith(end):
            raise MalformedRecord("trace without an end")
        body = body.removeprefix(begin).removesuffix(end).strip()
        if begin in body or end in body:
            raise MalformedRecord("more than one trace in one answer")
    return body


def join_reasoning(reasoning: str | None, answer: str) -> str:
    """The text that a student learns: the trace between marks, a blank line, the answer; or the answer alone."""
    return f"<think>\n{reasoning}\n</think>\n\n{answer}" if reasoning else answer


def _unwrapped(answer: str) -> str:
    for begin, end in ANSWER_MARKS:
        if answer.startswith(begin):
            if not answer.endswith(end):
                raise MalformedRecord("answer without an end")
            return answer.removeprefix(begin).removesuffix(end).strip()
    return answer
