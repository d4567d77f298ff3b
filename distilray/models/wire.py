"""What travels between a client and an engine: a batch of asks there, lists of answers back, as msgpack bytes.

One small bytes object a message: Ray sends it inline, and neither side pickles thousands of little objects. Sampling
settings and constraints, which a batch mostly shares, travel once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from distilray.models.api import Constraint, ModelError, NoEngineAlive, PromptTooLong, Reply, Request, RequestTimedOut
from distilray.models.scores import Score

FAULTS: dict[str, type[Exception]] = {
    cls.__name__: cls for cls in (ModelError, PromptTooLong, RequestTimedOut, NoEngineAlive)
}


class Fault(msgspec.Struct, frozen=True):
    """Why one prompt of a batch has no reply: the name of an error in ``FAULTS`` and its text."""

    error: str
    message: str

    def exception(self) -> Exception:
        return FAULTS[self.error](self.message)

    @classmethod
    def of(cls, error: Exception) -> Fault:
        return cls(type(error).__name__, str(error))


class Ask(msgspec.Struct, array_like=True):
    """One prompt of a batch; ``sampling`` and ``constraint`` are positions in the batch's lists (-1: none)."""

    messages: list[dict[str, str]]
    sampling: int
    seed: int
    n: int
    constraint: int
    tokens: list[int] | None = None
    score: Score | None = None


class Batch(msgspec.Struct, array_like=True):
    samplings: list[dict[str, Any]]
    constraints: list[Constraint]
    asks: list[Ask]

    def sampling_of(self, ask: Ask) -> dict[str, Any]:
        return self.samplings[ask.sampling]

    def constraint_of(self, ask: Ask) -> Constraint | None:
        return None if ask.constraint < 0 else self.constraints[ask.constraint]


Answer = tuple[int, list[Reply] | Fault]
"""Position in the batch, and one reply per sample or why there is none."""

_batches = msgspec.msgpack.Decoder(Batch)
_answers = msgspec.msgpack.Decoder(list[Answer])
_encoder = msgspec.msgpack.Encoder()


def encode_batch(requests: Sequence[Request]) -> bytes:
    samplings: dict[Any, int] = {}
    constraints: list[Constraint] = []
    asks = []
    for request in requests:
        sampling = samplings.setdefault(request.sampling, len(samplings))
        constraint = -1
        if request.constraint is not None:
            if request.constraint not in constraints:
                constraints.append(request.constraint)
            constraint = constraints.index(request.constraint)
        asks.append(Ask(request.messages, sampling, request.seed, request.n, constraint, request.tokens, request.score))
    return _encoder.encode(Batch([sampling.model_dump() for sampling in samplings], constraints, asks))


def decode_batch(payload: bytes) -> Batch:
    return _batches.decode(payload)


def encode_answers(answers: list[Answer]) -> bytes:
    return _encoder.encode(answers)


def decode_answers(payload: bytes) -> list[Answer]:
    return _answers.decode(payload)
