"""Messages between a client and an engine: a batch of requests out, lists of answers back, as msgpack bytes.

One small bytes object per message: Ray sends it inline, and neither side pickles thousands of little objects. Sampling
settings and constraints, which a batch mostly shares, travel once; affinities, which only routing needs, not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from distilray.models.errors import ModelError, NoEngineAlive, PromptTooLong, RequestTimedOut
from distilray.models.replies import AnyReply
from distilray.models.requests import ClassifyRequest, Constraint, GenerateRequest, Request, Sampling, ScoreRequest

FAULTS: dict[str, type[Exception]] = {
    cls.__name__: cls for cls in (ModelError, PromptTooLong, RequestTimedOut, NoEngineAlive)
}


class Fault(msgspec.Struct, frozen=True):
    """Why one request of a batch has no reply: the name of an error in ``FAULTS`` and its text."""

    error: str
    message: str

    def exception(self) -> Exception:
        return FAULTS[self.error](self.message)

    @classmethod
    def of(cls, error: Exception) -> Fault:
        """An engine's own subclass of an error travels as the nearest one that is known here."""
        name = next(base.__name__ for base in type(error).__mro__ if base.__name__ in FAULTS)
        return cls(name, str(error))


class _Generate(msgspec.Struct, array_like=True, tag="generate"):
    """``sampling`` and ``constraint`` are positions in the batch's lists (-1: none)."""

    messages: list[dict[str, str]]
    sampling: int
    seed: int
    n: int
    constraint: int
    tokens: list[int] | None
    stop_ids: tuple[int, ...]


class _Score(msgspec.Struct, array_like=True, tag="score"):
    tokens: list[int]
    positions: tuple[int, ...]
    top_k: int


class _Classify(msgspec.Struct, array_like=True, tag="classify"):
    parts: dict[str, str]


class _Batch(msgspec.Struct, array_like=True):
    samplings: list[dict[str, Any]]
    constraints: list[Constraint]
    asks: list[_Generate | _Score | _Classify]


Answer = tuple[int, list[AnyReply] | Fault]
"""Position in the batch, and one reply per sample or why there is none."""


class Answers(msgspec.Struct, array_like=True):
    """Answers that are ready together, and how many replies the engine still works on or has waiting."""

    answers: list[Answer]
    depth: int = 0


_batches = msgspec.msgpack.Decoder(_Batch)
_answers = msgspec.msgpack.Decoder(Answers)
_encoder = msgspec.msgpack.Encoder()


def encode_batch(requests: Sequence[Request]) -> bytes:
    samplings: dict[Sampling, int] = {}
    constraints: list[Constraint] = []
    asks: list[_Generate | _Score | _Classify] = []
    for request in requests:
        if isinstance(request, GenerateRequest):
            sampling = samplings.setdefault(request.sampling, len(samplings))
            constraint = -1
            if request.constraint is not None:
                if request.constraint not in constraints:
                    constraints.append(request.constraint)
                constraint = constraints.index(request.constraint)
            given = (request.messages, sampling, request.seed, request.n, constraint)
            asks.append(_Generate(*given, request.tokens, request.stop_ids))
        elif isinstance(request, ScoreRequest):
            asks.append(_Score(request.tokens, request.positions, request.top_k))
        else:
            asks.append(_Classify(request.parts))
    return _encoder.encode(_Batch([sampling.model_dump() for sampling in samplings], constraints, asks))


def decode_batch(payload: bytes) -> list[Request]:
    """The requests as they were sent, without their affinities."""
    batch = _batches.decode(payload)
    samplings = [_sampling(values) for values in batch.samplings]
    requests: list[Request] = []
    for ask in batch.asks:
        if isinstance(ask, _Generate):
            constraint = None if ask.constraint < 0 else batch.constraints[ask.constraint]
            sampling = samplings[ask.sampling]
            given = (ask.messages, sampling, ask.seed, "", ask.n, constraint)
            requests.append(GenerateRequest(*given, ask.tokens, ask.stop_ids))
        elif isinstance(ask, _Score):
            requests.append(ScoreRequest(ask.tokens, ask.positions, "", ask.top_k))
        else:
            requests.append(ClassifyRequest(ask.parts, ""))
    return requests


def _sampling(values: dict[str, Any]) -> Sampling:
    """The sender has validated it."""
    return Sampling.model_construct(**{**values, "stop": tuple(values["stop"])})


def encode_answers(answers: list[Answer], depth: int = 0) -> bytes:
    return _encoder.encode(Answers(answers, depth))


def decode_answers(payload: bytes) -> Answers:
    return _answers.decode(payload)
