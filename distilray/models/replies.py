"""Replies of models; see :mod:`distilray.models.requests` for an example of each."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from distilray.models.scores import Scores


class Reply(msgspec.Struct, frozen=True, array_like=True, tag="text"):
    """One sample of a :class:`~distilray.models.GenerateRequest`."""

    text: str
    finish_reason: str
    """``"stop"`` for a whole reply, ``"length"`` for a truncated one."""
    tokens_in: int = 0
    """Tokens of the prompt; of ``n`` samples only the first has them, so that sums match what was paid."""
    tokens_out: int = 0
    tokens_cached: int = 0
    """How many of ``tokens_in`` the engine found in its prefix cache."""
    reasoning: str | None = None
    logprobs: list[dict[str, float]] | None = None
    """Per generated token: text to log-probability (nats), the sampled token first, then the likeliest others."""
    cost: float = 0.0
    """Money, in the currency of the recipe's prices."""
    replayed: bool = False
    """Taken from the reply log: nothing was bought."""
    tokens: list[int] | None = None
    """Ids of the generated tokens, where the prompt came as ids."""


class ScoreReply(msgspec.Struct, frozen=True, array_like=True, tag="scores"):
    """The answer to a :class:`~distilray.models.ScoreRequest`."""

    scores: Scores
    tokens_in: int = 0
    cost: float = 0.0

    tokens_out: ClassVar[int] = 0
    tokens_cached: ClassVar[int] = 0


class LabelReply(msgspec.Struct, frozen=True, array_like=True, tag="label"):
    """The answer to a :class:`~distilray.models.ClassifyRequest`."""

    label: str
    """The likeliest one."""
    log_probs: dict[str, float]
    """Label to log-probability (nats), likeliest first."""
    tokens_in: int = 0
    cost: float = 0.0
    replayed: bool = False
    """Taken from the reply log: nothing was bought."""

    tokens_out: ClassVar[int] = 0
    tokens_cached: ClassVar[int] = 0


AnyReply = Reply | ScoreReply | LabelReply
