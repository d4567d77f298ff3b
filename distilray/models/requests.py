"""What a model can be asked for: a continuation, the likelihood of given tokens, or a label.

GenerateRequest([{"role": "user", "content": "2+3?"}], Sampling(max_tokens=32), seed=7, affinity="r1")
-> [Reply(text="5", finish_reason="stop", tokens_in=9, tokens_out=2)]
ScoreRequest(tokens=[17, 4, 99], positions=(1, 2), affinity="r1", top_k=8)
-> [ScoreReply(scores=Scores(...), tokens_in=3)]
ClassifyRequest({"conversation": "2+3?"}, affinity="r1")
-> [LabelReply(label="maths", log_probs={"maths": -0.1, "code": -2.4}, tokens_in=9)]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt


class Sampling(BaseModel):
    """How a model samples, in vLLM's terms. Strict: a merged or half-parsed value once hung an engine."""

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


class GenerateRequest(msgspec.Struct, frozen=True):
    """Ask for ``n`` replies to a conversation, or to a prompt of token ids."""

    messages: list[dict[str, str]]
    sampling: Sampling
    seed: int
    affinity: str
    """Requests with the same affinity (a row's id) prefer the same engine, so that they share its cached prefix."""
    n: int = 1
    constraint: Constraint | None = None
    tokens: list[int] | None = None
    """The prompt as the model's own token ids, in place of ``messages``."""
    stop_ids: tuple[int, ...] = ()
    """Token ids that end a reply besides those of the checkpoint."""


class ScoreRequest(msgspec.Struct, frozen=True):
    """Ask for a model's log-probabilities at ``positions`` (from 1 on) of given tokens."""

    tokens: list[int]
    positions: tuple[int, ...]
    affinity: str
    top_k: int = 0
    """Likeliest tokens at each position; 0: only the given tokens themselves."""

    n: ClassVar[int] = 1


class ClassifyRequest(msgspec.Struct, frozen=True):
    """Ask a classifier for the label of a row, given as its parts (:data:`distilray.checkpoints.PARTS`)."""

    parts: dict[str, str]
    affinity: str

    n: ClassVar[int] = 1


Request = GenerateRequest | ScoreRequest | ClassifyRequest
