"""What goes to an engine and what comes back.

A request is one prompt with its sampling; an engine answers it with one reply per sample:

    Request(messages=[{"role": "user", "content": "2+3?"}], sampling=Sampling(max_tokens=32), seed=7, affinity="r1")
    -> [Reply(text="5", finish_reason="stop", tokens_in=9, tokens_out=2)]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt

from distilray.errors import DistilrayError
from distilray.models.scores import Score, Scores


class Sampling(BaseModel):
    """How a model samples; vLLM's own words. Strict: a merged or half-parsed value once hung an engine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: StrictInt = Field(default=512, ge=1, description="most tokens of one reply")
    temperature: StrictFloat | StrictInt = Field(default=0.0, ge=0, le=5, description="0 is greedy")
    top_p: StrictFloat | StrictInt = Field(default=1.0, gt=0, le=1)
    top_k: StrictInt = Field(default=0, ge=0, description="0 keeps every token")
    min_p: StrictFloat | StrictInt = Field(default=0.0, ge=0, le=1)
    repetition_penalty: StrictFloat | StrictInt = Field(default=1.0, gt=0)
    presence_penalty: StrictFloat | StrictInt = Field(default=0.0, ge=-2, le=2)
    frequency_penalty: StrictFloat | StrictInt = Field(default=0.0, ge=-2, le=2)
    stop: tuple[str, ...] = ()
    logprobs: StrictInt | None = Field(default=None, ge=0, le=20, description="top log-probabilities per token")
    ignore_eos: StrictBool = False

    def overridden(self, **changes: Any) -> Sampling:
        """These settings with ``changes``, validated again."""
        return Sampling.model_validate({**self.model_dump(), **changes})


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a reply must look like: one of ``choice``, or JSON of the schema ``json``."""

    kind: Literal["choice", "json"]
    value: Any


@dataclass(frozen=True, slots=True)
class Request:
    messages: list[dict[str, str]]
    sampling: Sampling
    seed: int
    affinity: str
    """Requests of one affinity (a row's id) prefer one engine, so that they share its cached prefix."""
    n: int = 1
    constraint: Constraint | None = None
    key: str = ""
    """Identity in the reply log: hash of weights, prompt, sampling, seed and attempt."""
    tokens: list[int] | None = None
    """The prompt as the model's own token ids, in place of ``messages``."""
    score: Score | None = None
    """Score ``tokens`` instead of going on from them."""


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    finish_reason: str
    """``"stop"`` for a whole reply, ``"length"`` for one that was cut."""
    tokens_in: int = 0
    """Tokens of the prompt; of ``n`` samples only the first carries them, so that sums are what was paid."""
    tokens_out: int = 0
    tokens_cached: int = 0
    """How many of ``tokens_in`` the engine found in its prefix cache."""
    reasoning: str | None = None
    logprobs: list[dict[str, float]] | None = None
    """Per generated token: text to log-probability (nats), the sampled token first, then the likeliest others."""
    cost: float = 0.0
    """Money, in the currency of the recipe's prices."""
    replayed: bool = field(default=False, compare=False)
    tokens: list[int] | None = None
    """Ids of the generated tokens, where the prompt came as ids."""
    scores: Scores | None = None
    """Where they were asked for; the text is empty then."""
    """From the reply log: nothing was bought."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says about itself once it can answer."""

    engine: str
    context: int
    """Most tokens of a prompt and its reply together."""
    vocabulary: int
    versions: dict[str, str]


class ModelError(DistilrayError):
    """A model could not give what was asked; the row is ``failed`` with this text."""

    prefix = "failed: "


class PromptTooLong(ModelError):
    """The prompt and the tokens it may grow by do not fit the model's context."""


class PromptKillsEngines(ModelError):
    """Engines died repeatedly while they answered this prompt."""


class RequestTimedOut(ModelError):
    """No reply within the model's time-out."""


class NoEngineAlive(DistilrayError):
    """Every engine of a model is down for good or for too long: the run cannot go on; no row is to blame."""

    prefix = "failed: "


class BadReply(ModelError):
    """The reply does not parse; ``text`` is what came."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(f"{why}; the reply was: {text[:300]!r}")
        self.why = why
        self.text = text


class BudgetSpent(DistilrayError):
    """The run's budget is used up: stop cleanly, publish nothing half-done."""

    exit_code = 3
