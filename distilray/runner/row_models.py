"""Asking a model on behalf of one row in one step.

Here every reply gets its seed (from row id, step, call and attempt, so that results do not depend on sharding), its
key in the reply log (so that it is paid for once), and its place in the row's and the run's accounts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, overload

import msgspec

from distilray.ledger import ReplyLog
from distilray.models import (
    BadReply,
    ClassifyRequest,
    GenerateRequest,
    GenerativeModel,
    LabelReply,
    ModelError,
    ModelSettings,
    Reply,
    Sampling,
    ScoreReply,
    ScoreRequest,
)
from distilray.prompts import Prompt, parts_of
from distilray.rows import Row, split_reasoning
from distilray.steps import ModelChoice, ModelIdentity

T = TypeVar("T")

RETRY_TEMPERATURE = 0.5
"""A greedy model repeats its mistake when it is asked again, so attempts after the first sample at least this warm."""
SEVERAL_TEMPERATURE = 1.0
"""Several replies of a greedy model would be one (vLLM refuses to give them): it samples them from its own
distribution. A model whose recipe gives it a temperature keeps that."""

_encode = msgspec.json.Encoder().encode

Watch = Callable[[str, list[dict[str, str]], list[Reply]], None]
"""Called with (model, messages, replies) after every request. A classifier's messages are the row's parts, each under
the part's name, and its reply is the label."""


class Client(Protocol):
    @overload
    async def ask(self, model: str, request: GenerateRequest) -> list[Reply]: ...
    @overload
    async def ask(self, model: str, request: ClassifyRequest) -> list[LabelReply]: ...
    @overload
    async def ask(self, model: str, request: ScoreRequest) -> list[ScoreReply]: ...


@dataclass(slots=True)
class RowUsage:
    """What one row spent in one step."""

    requests: int = 0
    replayed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    by_model: dict[str, list[float]] = field(default_factory=dict)
    """Model to [requests, replies, replayed, tokens in, tokens out, cost]."""

    def add(self, model: str, replies: Sequence[Reply | LabelReply]) -> None:
        tokens_in, replayed = replies[0].tokens_in, replies[0].replayed
        tokens_out = sum(reply.tokens_out for reply in replies)
        self.requests += 1
        self.replayed += replayed
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        spent = self.by_model.get(model)
        if spent is None:
            spent = self.by_model[model] = [0, 0, 0, 0, 0, 0.0]
        spent[0] += 1
        spent[1] += len(replies)
        spent[2] += len(replies) if replayed else 0
        spent[3] += tokens_in
        spent[4] += tokens_out
        spent[5] += sum(reply.cost for reply in replies)


@dataclass(frozen=True)
class ModelAccess:
    """What all rows of a runner share for their requests: the pools' client, the models' settings, the run's seed."""

    client: Client
    models: Mapping[str, ModelSettings]
    seed: int
    attempts: int = 3
    watch: Watch | None = None
    """For ``distilray try``, which shows what was asked."""
    weights_ids: dict[str, str] = field(default_factory=dict)
    """Those of the models as far as they are known; to compute one, a checkpoint is read."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Model to the replies that could not be read and were paid for in this session."""
    _samplings: dict[tuple[str, bool, bool], tuple[Sampling, bytes]] = field(default_factory=dict)

    def weights(self, model: str) -> str:
        if model not in self.weights_ids:
            self.weights_ids[model] = self.models[model].weights_id()
        return self.weights_ids[model]

    def sampling(self, model: str, again: bool, several: bool) -> tuple[Sampling, bytes]:
        """How ``model`` samples when it is asked once more, or for several replies, and the same as bytes."""
        found = self._samplings.get((model, again, several))
        if found is None:
            settings = self.models[model]
            if not isinstance(settings, GenerativeModel):
                raise ModelError(f"{model} is of kind {settings.kind} and generates no text; name another model")
            sampling = settings.sampling
            if several and sampling.temperature == 0:
                sampling = sampling.overridden(temperature=SEVERAL_TEMPERATURE)
            if again and sampling.temperature < RETRY_TEMPERATURE:
                sampling = sampling.overridden(temperature=RETRY_TEMPERATURE)
            found = self._samplings[(model, again, several)] = (sampling, _encode(sampling.model_dump()))
        return found

    def models_for(self, row: Row, step: str, log: ReplyLog, usage: RowUsage) -> RowModels:
        return RowModels(self, row, step, log, usage)


class RowModels:
    """The models as one row in one step sees them (``models[name].ask(...)``)."""

    __slots__ = ("_access", "_asked", "_log", "_row", "_step", "_usage")

    def __init__(self, access: ModelAccess, row: Row, step: str, log: ReplyLog, usage: RowUsage) -> None:
        self._access, self._row, self._step, self._log, self._usage = access, row, step, log, usage
        self._asked = 0

    def __getitem__(self, name: str | ModelChoice) -> RowModel:
        if isinstance(name, ModelChoice):
            name = name.choose.get(getattr(self._row, name.by), name.otherwise)
        return RowModel(self, name)

    async def _replies(
        self,
        model: str,
        prompt: Prompt[Any],
        messages: list[dict[str, str]],
        call: int,
        attempt: int,
        n: int,
        tokens: list[int] | None = None,
        stop_ids: tuple[int, ...] = (),
    ) -> list[Reply]:
        access = self._access
        sampling, sampling_key = access.sampling(model, attempt > 0, n > 1 or tokens is not None)
        origin = self._origin(call, attempt)
        seed = int.from_bytes(hashlib.blake2b(origin, digest_size=4).digest(), "big") >> 1
        digest = hashlib.blake2b(origin, digest_size=16)
        digest.update(access.weights(model).encode())
        digest.update(_encode(messages))
        digest.update(sampling_key)
        digest.update(b"%d" % n)
        digest.update(prompt.hash.encode())
        if tokens is not None:
            digest.update(_encode([tokens, stop_ids]))
        key = digest.hexdigest()
        logged = self._log.get(key)
        if logged is not None:
            replies = [Reply(**{**reply, "replayed": True}) for reply in logged]
        else:
            request = GenerateRequest(messages, sampling, seed, self._row.id, n, prompt.constraint, tokens, stop_ids)
            replies = await access.client.ask(model, request)
            self._log.put(key, [plain(reply) for reply in replies])
        self._usage.add(model, replies)
        if access.watch is not None:
            access.watch(model, messages, replies)
        return replies

    async def _label(self, model: str, parts: dict[str, str]) -> LabelReply:
        access = self._access
        digest = hashlib.blake2b(self._origin(self._next_call(), 0), digest_size=16)
        digest.update(access.weights(model).encode())
        digest.update(b"classify")
        digest.update(_encode(parts))
        key = digest.hexdigest()
        logged = self._log.get(key)
        if logged is not None:
            reply = LabelReply(**{**logged[0], "replayed": True})
        else:
            [reply] = await access.client.ask(model, ClassifyRequest(parts, self._row.id))
            kept = {"label": reply.label, "log_probs": reply.log_probs, "tokens_in": reply.tokens_in}
            self._log.put(key, [{**kept, "cost": reply.cost} if reply.cost else kept])
        self._usage.add(model, [reply])
        if access.watch is not None:
            shown = [{"role": part, "content": text} for part, text in parts.items()]
            access.watch(model, shown, [Reply(reply.label, "stop", reply.tokens_in)])
        return reply

    async def _mean_log_prob(self, model: str, tokens: list[int], start: int) -> float:
        access = self._access
        digest = hashlib.blake2b(self._origin(self._next_call(), 0), digest_size=16)
        digest.update(access.weights(model).encode())
        digest.update(b"score")
        digest.update(_encode([tokens, start]))
        key = digest.hexdigest()
        logged = self._log.get(key)
        if logged is None:
            request = ScoreRequest(tokens, tuple(range(start, len(tokens))), self._row.id)
            [reply] = await access.client.ask(model, request)
            mean = float(reply.scores.own_log_probs().mean())
            logged = [{"mean_log_prob": mean, "tokens_in": reply.tokens_in, "cost": reply.cost}]
            self._log.put(key, logged)
            paid = Reply("", "stop", reply.tokens_in, cost=reply.cost)
        else:
            paid = Reply("", "stop", logged[0]["tokens_in"], cost=logged[0]["cost"], replayed=True)
        self._usage.add(model, [paid])
        return logged[0]["mean_log_prob"]

    def _origin(self, call: int, attempt: int) -> bytes:
        return f"{self._access.seed}\0{self._row.id}\0{self._step}\0{call}\0{attempt}".encode()

    def _next_call(self) -> int:
        self._asked += 1
        return self._asked


class RowModel:
    """One model as one row in one step sees it; see :class:`distilray.steps.Model`."""

    __slots__ = ("_models", "_name")

    def __init__(self, models: RowModels, name: str) -> None:
        self._models, self._name = models, name

    @property
    def identity(self) -> ModelIdentity:
        access = self._models._access
        sampling, _ = access.sampling(self._name, False, False)
        return ModelIdentity(access.models[self._name].title, access.weights(self._name), sampling)

    async def ask(self, prompt: Prompt[T], row: Row, *, paid: list[Reply] | None = None, **variables: Any) -> T:
        messages = prompt.messages(row, **variables)
        call = self._models._next_call()
        bad: BadReply | None = None
        access = self._models._access
        for attempt in range(access.attempts):
            [reply] = await self._models._replies(self._name, prompt, messages, call, attempt, 1)
            if paid is not None:
                paid.append(reply)
            try:
                if reply.finish_reason == "length":
                    raise ValueError(f"reply cut by length at {reply.tokens_out} tokens")
                # A deep-thinking model's thoughts come before its reply and are no part of it.
                return prompt.parse(split_reasoning(reply.text)[1])
            except ValueError as error:
                bad = BadReply(f"{prompt.name}: {error}", reply.text)
                access.unreadable[self._name] += not reply.replayed
        assert bad is not None
        raise bad

    async def replies(self, prompt: Prompt[Any], row: Row, *, n: int = 1, **variables: Any) -> list[Reply]:
        messages = prompt.messages(row, **variables)
        return await self._models._replies(self._name, prompt, messages, self._models._next_call(), 0, n)

    async def continued(
        self, prompt: Prompt[Any], messages: list[dict[str, str]], tokens: list[int], stop_ids: tuple[int, ...]
    ) -> Reply:
        call = self._models._next_call()
        [reply] = await self._models._replies(self._name, prompt, messages, call, 0, 1, tokens, stop_ids)
        return reply

    async def classify(self, row: Row) -> LabelReply:
        return await self._models._label(self._name, parts_of(row))

    async def mean_log_prob(self, tokens: list[int], start: int) -> float:
        return await self._models._mean_log_prob(self._name, tokens, start)


def plain(reply: Reply) -> dict[str, Any]:
    """A reply as the reply log stores it: only what differs from a reply's defaults."""
    kept: dict[str, Any] = {"text": reply.text, "finish_reason": reply.finish_reason}
    if reply.tokens_in:
        kept["tokens_in"] = reply.tokens_in
    if reply.tokens_out:
        kept["tokens_out"] = reply.tokens_out
    if reply.reasoning is not None:
        kept["reasoning"] = reply.reasoning
    if reply.logprobs is not None:
        kept["logprobs"] = reply.logprobs
    if reply.cost:
        kept["cost"] = reply.cost
    return kept
