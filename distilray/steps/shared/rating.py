"""A trace's rating by a model: one word, the majority of several, or the likeliest of the three (post B.18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from distilray.models import BadReply, ModelError, Reply
from distilray.prompts import RATE_TRACE, RATINGS, Rating
from distilray.rows import Row
from distilray.steps.base import Model
from distilray.steps.shared.sizing import SizedStep
from distilray.steps.shared.trace import conclusion_of

# A tie counts against medium: one more rewrite costs less than training on a trace that half the votes found unfit.
_TIES: tuple[Rating, ...] = ("hard", "easy", "medium")


@dataclass(frozen=True, slots=True)
class Rated:
    """``share`` of the votes, or of the probability, that the word got; ``votes`` in order."""

    word: Rating
    share: float
    votes: tuple[Rating, ...]


class RatingStep(SizedStep):
    """A step that rates traces, in one of three ways."""

    votes: Annotated[
        int, Field(ge=1, le=64, description="ratings asked for; the majority counts (at a temperature above 0)")
    ] = 1
    by: Annotated[
        Literal["word", "logprobs"],
        Field(
            description="word: the one that the model replies; logprobs: the likeliest of the three at its first token"
        ),
    ] = "word"

    @model_validator(mode="after")
    def _one_way_to_rate(self) -> Self:
        if self.votes > 1 and self.by == "logprobs":
            raise ValueError("votes are for `by: word`; log-probabilities take one reply, so leave votes at 1")
        return self

    async def rated(self, model: Model, row: Row, trace: str) -> Rated:
        """The rating of ``trace``, which need not be the trace that ``row`` has now.

        Raises :class:`~distilray.models.BadReply` if no reply is exactly one of the three words, and
        :class:`~distilray.models.ModelError` if log-probabilities are wanted and missing.
        """
        variables = {"trace": trace, "answer": conclusion_of(row)}
        if self.by == "logprobs":
            [reply] = await model.replies(self.sized(RATE_TRACE), row, **variables)
            likely = probabilities(reply)
            word = max(RATINGS, key=likely.__getitem__)
            return Rated(word, likely[word], (word,))
        if self.votes == 1:
            word = await model.ask(self.sized(RATE_TRACE), row, **variables)
            return Rated(word, 1.0, (word,))
        return majority(await model.replies(self.sized(RATE_TRACE), row, n=self.votes, **variables))


def majority(replies: Sequence[Reply]) -> Rated:
    """The most frequent rating; replies that are not a rating do not vote."""
    said = [reply.text.rpartition("</think>")[2].strip() for reply in replies]
    valid = tuple(word for word in said if word in RATINGS)
    if not valid:
        raise BadReply(f"rate_trace: none of {len(replies)} replies is a rating", replies[0].text)
    counts = Counter(valid)
    word = max(_TIES, key=lambda word: (counts[word], -_TIES.index(word)))
    return Rated(word, counts[word] / len(valid), valid)  # type: ignore[arg-type]


def probabilities(reply: Reply) -> dict[Rating, float]:
    """How likely each word was at the reply's first token, scaled to sum to 1.

    The words begin with different letters, so a token that begins one word begins no other.
    """
    if not reply.logprobs:
        raise ModelError("rate_trace by logprobs: the reply has none; set `sampling: {logprobs: 20}` on the model")
    mass: dict[Rating, float] = dict.fromkeys(RATINGS, 0.0)
    for token, logprob in reply.logprobs[0].items():
        start = token.strip().lower()
        for word in RATINGS:
            if start and word.startswith(start):
                mass[word] += exp(logprob)
    total = sum(mass.values())
    if not total:
        raise BadReply("rate_trace: none of the three words is among the likely first tokens", reply.text)
    return {word: share / total for word, share in mass.items()}
