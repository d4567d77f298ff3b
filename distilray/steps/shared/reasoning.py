"""Splits a model's reply into reasoning and answer, as sources are split (:mod:`distilray.rows.reasoning`)."""

from __future__ import annotations

from distilray.models import Reply
from distilray.rows import split_reasoning


def split_reply(reply: Reply) -> tuple[str | None, str]:
    """``(reasoning or None, answer)`` of a whole reply.

    The server may have separated the reasoning (``reasoning_content``); else it is between marks at the start.
    Raises :class:`~distilray.rows.MalformedRecord` for a trace without an end, or without an answer after it.
    """
    if reply.reasoning is not None:
        return reply.reasoning.strip() or None, reply.text.strip()
    reasoning, answer = split_reasoning(reply.text)
    return reasoning, answer.strip()
