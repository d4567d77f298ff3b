"""One request to a judge: from the cache where it is known, read strictly, and asked again where it cannot be read.

ask = await ask_judge(models["judge"], row, BETTER, lambda reply: FIRST[reply.better], said, cache=True)
ask.value, ask.cached, ask.cost
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from distilray.evaluate.judges.cache import cache_at
from distilray.evaluate.judges.verdict import Ask
from distilray.models import BadReply, Reply
from distilray.prompts import Prompt
from distilray.rows import Row, split_reasoning
from distilray.steps import Model

T = TypeVar("T")


async def ask_judge(
    judge: Model,
    row: Row,
    prompt: Prompt[T],
    value: Callable[[T], float],
    said: Mapping[str, Any],
    cache: bool | str = True,
) -> Ask:
    """What ``judge`` says to ``prompt`` with the variables ``said``, as a number: ``value`` of its reply.

    ``cache`` is as in :class:`~distilray.evaluate.judges.judge.Judge`. A reply that cannot be read even when it is
    asked for again is no error, but an :class:`Ask` without a value. All requests count in what it took.
    """
    kept = cache_at(cache)
    key = None if kept is None else kept.key(judge.identity, prompt.messages(row, **said), prompt.constraint)
    if kept is not None and key is not None and (found := await kept.get(key)) is not None:
        known = _read(prompt, value, found.text, cached=True)
        if known.value is not None:
            return known
    [reply] = await judge.replies(prompt, row, **said)
    if reply.finish_reason != "length":
        ask = _read(prompt, value, reply.text, **_spent([reply]))
        if ask.value is not None:
            if kept is not None and key is not None:
                await kept.put(key, reply)
            return ask
    paid = [reply]
    try:
        again = await judge.ask(prompt, row, paid=paid, **said)
    except BadReply as error:
        return Ask(None, str(error), **_spent(paid))
    return Ask(value(again), _explanation(again), **_spent(paid))


def _spent(replies: Sequence[Reply]) -> dict[str, Any]:
    """What all requests for one verdict took, those whose replies could not be read as well."""
    return {
        "requests": len(replies),
        "tokens_in": sum(reply.tokens_in for reply in replies),
        "tokens_out": sum(reply.tokens_out for reply in replies),
        "cost": sum(reply.cost for reply in replies),
    }


def _read(prompt: Prompt[T], value: Callable[[T], float], text: str, **about: Any) -> Ask:
    try:
        reply = prompt.parse(split_reasoning(text)[1])
    except ValueError as error:
        return Ask(None, str(error), **about)
    return Ask(value(reply), _explanation(reply), **about)


def _explanation(reply: Any) -> str:
    """What a judge wrote down before its verdict."""
    return str(getattr(reply, "check", None) or getattr(reply, "explanation", ""))
