"""Reasoning and answer apart: ``<think>...</think>`` at the head of a reply, or a server's ``reasoning_content``."""

from __future__ import annotations

from distilray.models import Reply

OPEN, CLOSE = "<think>", "</think>"


class UnfinishedReasoning(ValueError):
    """A trace that has a beginning and no end; it is never used."""


def split_reasoning(reply: Reply) -> tuple[str | None, str]:
    """``(reasoning or None, answer)`` of a whole reply.

    Chat templates of deep-thinking models often open the block themselves, so that a reply may hold only the close.
    """
    if reply.reasoning is not None:
        return reply.reasoning.strip(), reply.text.strip()
    text = reply.text.strip()
    head, closed, tail = text.partition(CLOSE)
    if closed:
        return head.strip().removeprefix(OPEN).strip(), tail.strip()
    if text.startswith(OPEN):
        raise UnfinishedReasoning("reasoning without an end")
    return None, text
