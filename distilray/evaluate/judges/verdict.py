"""A judge's verdict: what it says, whether it says the same with the answers in the other order, and what it took.

Verdict(value=0.5, agreed=False, asked=2, judge="gpt-4.1", version="9f3c...", ...)     it prefers whatever comes first
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Ask(msgspec.Struct, frozen=True):
    """What a judge is asked for one verdict in one order, and what became of it."""

    value: float | None
    """What the reply says; None: it could not be read."""
    explanation: str = ""
    requests: int = 1
    """More than one where replies could not be read."""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    cached: bool = False
    """Whether the reply was found and nothing was paid."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Of two answers: which is better. Of one: how good it is."""

    value: float | None
    """Of two: 1 where the second is better, 0 where the first is, 0.5 for a tie or where the orders contradict one
    another. Of one: its points. None where a reply could not be read."""
    agreed: bool | None
    """Whether the judge says the same in both orders; None where it was asked in one, or a reply could not be read."""
    asked: int
    """Requests, those whose replies were found in the cache or could not be read as well."""
    unread: int
    """Orders without a reply that could be read."""
    cached: int
    """Replies that were found in the cache."""
    tokens_in: int
    tokens_out: int
    cost: float
    """In the currency of the judge's price; nothing for cached replies."""
    judge: str
    """Its name: checkpoint, or model at an endpoint."""
    version: str
    """Identity of its weights, or of the endpoint."""
    prompt: str
    """Hash of what it was asked."""
    explanations: tuple[str, ...] = ()


def verdict_of(asks: Sequence[Ask], judge: str, version: str, prompt: str) -> Verdict:
    """The verdict of one request, or of two with the answers in both orders, whose values mean the same."""
    values = [ask.value for ask in asks]
    read = [value for value in values if value is not None]
    whole = len(read) == len(values)
    return Verdict(
        value=sum(read) / len(read) if whole else None,
        agreed=len(set(read)) == 1 if whole and len(values) > 1 else None,
        asked=sum(ask.requests for ask in asks),
        unread=len(values) - len(read),
        cached=sum(ask.cached for ask in asks),
        tokens_in=sum(ask.tokens_in for ask in asks),
        tokens_out=sum(ask.tokens_out for ask in asks),
        cost=sum(ask.cost for ask in asks),
        judge=judge,
        version=version,
        prompt=prompt,
        explanations=tuple(ask.explanation for ask in asks),
    )
