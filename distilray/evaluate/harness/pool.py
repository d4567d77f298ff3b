"""A pool of engines that answers the harness's requests, started when there is one that was not answered before."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Sequence
from types import TracebackType

import msgspec
import numpy as np

from distilray.errors import DistilrayError
from distilray.evaluate.harness.requests import (
    FOLDER,
    UNIT,
    Answer,
    Generate,
    Request,
    Score,
    answers_path,
    read_answers,
    read_requests,
    units_of,
    write_answers,
)
from distilray.models import EnginePools, GenerateRequest, ModelError, PoolHandles, Sampling, ScoreRequest, VLLMModel
from distilray.runner import UnitAsker, ask_units
from distilray.storage import Store

NAMED = 3
"""Requests that an error names."""
PREFIX = 256
"""Tokens by which generations are told to share a prefix."""


class RequestsFailed(DistilrayError):
    """The engines did not answer some requests; the text says why. What they did answer is kept."""


class Asked(msgspec.Struct):
    """The result of one unit."""

    answered: int
    failed: list[str] = []


class HarnessAsker(UnitAsker):
    """Asks the requests of a unit and publishes their answers, all or none."""

    async def unit(self, path: str, key: str) -> Asked:
        requests = await asyncio.to_thread(read_requests, self.store, path)
        found = await asyncio.gather(*[self._tried(request) for request in requests])
        failed = [one for one in found if isinstance(one, str)]
        answers = [one for one in found if isinstance(one, Answer)]
        if not failed:
            await asyncio.to_thread(write_answers, self.store, path, answers, key)
        return Asked(len(answers), failed)

    async def _tried(self, request: Request) -> Answer | str:
        async with self.gate:
            try:
                return await (self._score(request) if isinstance(request, Score) else self._text(request))
            except ModelError as error:
                return f"{type(error).__name__}: {error}"

    async def _score(self, request: Score) -> Answer:
        positions = tuple(range(request.start, len(request.tokens)))
        shared = _affinity(request.tokens[: request.start])
        [reply] = await self.client.ask(self.model, ScoreRequest(request.tokens, positions, shared, top_k=1))
        likeliest, _, _ = reply.scores.arrays()
        own = reply.scores.own_log_probs().astype(np.float64)
        greedy = bool((likeliest[:, 0] == np.asarray(request.tokens[request.start :])).all())
        return Answer(log_prob=float(own.sum()), greedy=greedy)

    async def _text(self, request: Generate) -> Answer:
        sampling = Sampling.model_validate({**request.sampling, "stop": tuple(request.sampling.get("stop", ()))})
        shared = _affinity(request.tokens[:PREFIX])
        asked = GenerateRequest([], sampling, request.seed, shared, tokens=request.tokens)
        [reply] = await self.client.ask(self.model, asked)
        return Answer(text=reply.text, finish=reply.finish_reason, tokens=reply.tokens_out)


def _affinity(tokens: Sequence[int]) -> str:
    return hashlib.blake2b(np.asarray(tokens, np.int32).tobytes(), digest_size=8).hexdigest()


class RequestPool:
    """The engines of one model, as a context manager that stops them."""

    def __init__(self, store: Store, settings: VLLMModel, name: str, run: str) -> None:
        """``name`` is the model's in logs, ``run`` the id by which engines that a killed session left are found."""
        self.store, self.settings, self.name = store, settings, name
        self.weights = settings.weights_id()
        self._pools = EnginePools(run, store.full("logs") if store.local else None)
        self._handles: PoolHandles | None = None

    def context(self) -> int:
        """Most tokens of a prompt and its reply together."""
        path = f"{FOLDER}/context-{self.weights}.json"
        if not self.store.exists(path):
            self.store.write_json(path, self._started().pools[self.name].info.context)
        return self.store.read_json(path)

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer to each of ``requests``, which are all of one type. Only what is not kept yet is asked.

        Raises :class:`RequestsFailed` where the engines refuse some.
        """
        units = list(units_of(self.store, self.weights, requests))
        missing = {path: key for path, key in units if not self.store.exists(answers_path(path))}
        failed: list[str] = []
        if missing:
            places = 1.5 * self.settings.most_replicas * self.settings.requests_per_engine
            asked = ask_units(
                HarnessAsker,
                Asked,
                self.store,
                self.name,
                self._started(),
                missing,
                units_in_flight=1 + math.ceil(places / UNIT),
            )
            failed = [why for _, one in asked for why in one.failed]
        if failed:
            raise RequestsFailed(
                f"{self.name} did not answer {len(failed)} of {len(requests)} requests: {'; '.join(failed[:NAMED])}. "
                "Mend the cause and run it again; what is answered is kept"
            )
        return [answer for path, _ in units for answer in read_answers(self.store, path)]

    def _started(self) -> PoolHandles:
        if self._handles is None:
            self._handles = self._pools.start({self.name: self.settings})
        return self._handles

    def __enter__(self) -> RequestPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pools.stop()
        self._handles = None
