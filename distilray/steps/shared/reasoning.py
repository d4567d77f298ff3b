"""Reasoning and answer of a model's reply apart, as rows of a source are (:mod:`distilray.rows.reasoning`)."""

from __future__ import annotations

from distilray.models import Reply
from distilray.rows import split_reasoning


def split_reply(reply: Reply) -> tuple[str | None, str]:
    """``(reasoning or None, answer)`` of a whole reply.

    A server may have set the reasoning apart (``reasoning_content``); else it stands between marks at the reply's head.
    Raises :class:`~distilray.rows.MalformedRecord` for a trace without an end, or without an answer after it.
    """
    if reply.reasoning is not None:
        return reply.reasoning.strip() or None, reply.text.strip()
    reasoning, answer = split_reasoning(reply.text)
    return reasoning, answer.strip()
