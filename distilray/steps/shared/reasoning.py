"""Splits a model's reply into reasoning and answer, as sources are split (:mod:`distilray.rows.reasoning`)."""

from __future__ import annotations

from distilray.models import Reply
from distilray.rows import MalformedRecord, split_reasoning


def split_reply(reply: Reply) -> tuple[str | None, str]:
    """``(reasoning or None, answer)`` of a whole reply.

    The server may have separated the reasoning (``reasoning_content``); else it is between marks at the start.
    Raises :class:`~distilray.rows.MalformedRecord` for a trace without an end, or without an answer after it.
    """
    if reply.reasoning is not None:
        return reply.reasoning.strip() or None, reply.text.strip()
    reasoning, answer = split_reasoning(reply.text)
    return reasoning, answer.strip()


def whole_answer(reply: Reply) -> str:
    """The answer of a reply, without the reasoning before it.

    Raises :class:`~distilray.rows.MalformedRecord` where there is no whole one: cut by length, a trace without an end,
    or nothing written.
    """
    if reply.finish_reason == "length":
        raise MalformedRecord("answer cut by length")
    _, answer = split_reply(reply)
    if not answer:
        raise MalformedRecord("empty answer")
    return answer
