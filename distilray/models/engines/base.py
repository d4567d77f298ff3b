"""What every kind of engine does: take a batch of requests, answer each as soon as its reply is known.

An engine is an async Ray actor, one for each replica of a model. A kind of model is a class of settings, which names
its engine, and the engine. One from outside distilray is used in a recipe as ``{uses: my_package:ShoutModel}``:

    from distilray.models import Engine, GenerateRequest, GenerativeModel, Reply

    class ShoutEngine(Engine):
        async def generate(self, prompt, request: GenerateRequest) -> list[Reply]:
            text = request.messages[-1]["content"].upper() + self.settings.mark
            return [Reply(text, "stop", tokens_in=1, tokens_out=1)] * request.n

    class ShoutModel(GenerativeModel):
        engine_class = ShoutEngine

        mark: str = Field(default="!", description="what it ends in")

An engine leaves out what it cannot do: such a request is refused with an error that names the engine.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from distilray.models.engines.guard import start_guard
from distilray.models.engines.places import Places
from distilray.models.engines.read_write_lock import ReadWriteLock
from distilray.models.engines.start_log import StartLog, StartNews
from distilray.models.errors import ModelError, NoEngineAlive, RequestTimedOut
from distilray.models.replies import AnyReply, LabelReply, Reply, ScoreReply
from distilray.models.requests import ClassifyRequest, GenerateRequest, Request, ScoreRequest
from distilray.models.wire import Answer, Fault, decode_batch, encode_answers

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine reports about itself once it can answer."""

    engine: str
    context: int
    """Most tokens of a prompt and its reply together; 0: unknown."""
    vocabulary: int
    versions: dict[str, str]
    template: dict[str, str] = field(default_factory=dict)
    """What identifies the chat template that it uses, as :func:`~distilray.checkpoints.template_ids` gives it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What an engine is started with besides its settings."""

    logs: str | None = None
    """Directory, on the engine's node, for what it prints."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values of the settings' :meth:`~distilray.models.ModelSettings.secrets` in the driver's environment."""
    guard: str = ""
    """Name of the guard that ends the engine's processes when its actor is gone; empty: it has none."""
    faults: str = ""
    """For tests: ``{"kill_engine_on": TEXT}`` kills an engine that is asked about TEXT."""


def log_of(logs: str, engine: str) -> Path:
    """The file in the directory ``logs`` that holds what ``engine`` (such as ``teacher/0``) prints."""
    return Path(logs) / f"{engine.replace('/', '-')}.log"


class Engine:
    """Base of the engine actors. A kind starts in its ``__init__`` (which calls this one first) and overrides the
    methods it supports: :meth:`generate`, :meth:`score` or :meth:`classify`."""

    holds_memory: ClassVar[bool] = True
    """Whether its processes hold memory, so that the next engines have to wait for their end."""

    def __init__(self, engine: str, settings: Any, launch: Launch = Launch()) -> None:
        """``engine`` is the actor's name, such as ``teacher/0``; ``settings`` those of its model."""
        self.engine = engine
        self.settings = settings
        self.launch = launch
        self.patience_s: float | None = settings.request_timeout_s
        """Seconds until a request times out; None if the kind has its own time-outs."""
        if launch.guard:
            start_guard(launch.guard)
        self.started = time.monotonic()
        self.replies = self.tokens_in = self.tokens_out = 0
        self.places = Places(settings.requests_per_engine)
        self._kill_on: str | None = json.loads(launch.faults).get("kill_engine_on") if launch.faults else None
        self._gate = ReadWriteLock()
        self._start_log = StartLog(log_of(launch.logs, engine) if launch.logs else None)

    def start_news(self) -> StartNews:
        """What it has said in its log since it began to start."""
        return self._start_log.read()

    async def loaded(self) -> None:
        """Awaited before every batch: returns once what the engine answers with is in memory."""

    async def ready(self) -> EngineInfo:
        """Returns once the engine can answer; raises :class:`~distilray.models.EngineFailed` if it never will."""
        await self.loaded()
        return EngineInfo(self.engine, context=0, vocabulary=0, versions={})

    async def prompts(self, requests: Sequence[Request]) -> Sequence[Any]:
        """What the methods below get as ``prompt``, prepared for a whole batch at once, such as token ids. A
        :class:`ModelError` in place of one fails that request alone."""
        return [None] * len(requests)

    async def generate(self, prompt: Any, request: GenerateRequest) -> list[Reply]:
        """``request.n`` replies. This and the next two raise :class:`ModelError` where the request is at fault."""
        raise self._cannot("generates no text")

    async def score(self, prompt: Any, request: ScoreRequest) -> ScoreReply:
        """Log-probabilities of the tokens of the request."""
        raise self._cannot("gives no log-probabilities of tokens")

    async def classify(self, prompt: Any, request: ClassifyRequest) -> LabelReply:
        """The label of the row in the request."""
        raise self._cannot("gives rows no labels")

    def stats(self) -> dict[str, Any]:
        """What this engine did since it last started."""
        return {
            "engine": self.engine,
            "pid": os.getpid(),
            "uptime_s": time.monotonic() - self.started,
            "running": self.places.taken,
            "places": self.places.places,
            "busy_s": self.places.busy_s,
            "replies": self.replies,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
        }

    async def answer(self, payload: bytes, alone: bool = False) -> AsyncIterator[bytes]:
        """Answers to a batch, a list whenever some are ready: replies that end together travel together, but none waits
        for the rest. ``alone``: nothing else runs meanwhile, and an empty list tells that the batch has begun, so that
        the death of the engine can be attributed to it."""
        await self.loaded()
        async with self._gate.exclusive() if alone else self._gate.shared():
            if alone:
                yield encode_answers([], self.places.taken)
            requests = decode_batch(payload)
            self._kill_if_told(requests)
            arrived = asyncio.Event()
            done: list[asyncio.Task[Answer]] = []

            def finished(task: asyncio.Task[Answer]) -> None:
                done.append(task)
                arrived.set()

            tasks: list[asyncio.Task[Answer]] = []
            try:
                prompts = await self.prompts(requests)
                tasks += [
                    asyncio.create_task(self._one(index, prompt, request))
                    for index, (prompt, request) in enumerate(zip(prompts, requests, strict=True))
                ]
                for task in tasks:
                    task.add_done_callback(finished)
                left = len(tasks)
                while left:
                    await arrived.wait()
                    await asyncio.sleep(0)  # requests that ended in the same engine step wake in this turn of the loop
                    arrived.clear()
                    now, done = done, []
                    left -= len(now)
                    yield encode_answers([task.result() for task in now], self.places.taken)
            finally:
                for task in tasks:
                    task.cancel()

    async def _one(self, index: int, prompt: Any, request: Request) -> Answer:
        try:
            if isinstance(prompt, ModelError):
                raise prompt
            self.places.take(request.n)
            try:
                async with asyncio.timeout(self.patience_s):
                    replies = await self._replies(prompt, request)
            finally:
                self.places.free(request.n)
        except TimeoutError:
            return index, Fault.of(RequestTimedOut(f"no reply within {self.settings.request_timeout_s:g} s"))
        except (ModelError, NoEngineAlive) as error:
            return index, Fault.of(error)
        self.replies += len(replies)
        self.tokens_in += replies[0].tokens_in
        self.tokens_out += sum(reply.tokens_out for reply in replies)
        return index, replies

    async def _replies(self, prompt: Any, request: Request) -> list[AnyReply]:
        match request:
            case GenerateRequest():
                return [*await self.generate(prompt, request)]
            case ScoreRequest():
                return [await self.score(prompt, request)]
            case ClassifyRequest():
                return [await self.classify(prompt, request)]

    def _cannot(self, what: str) -> ModelError:
        kind = self.settings.kind or type(self.settings).__name__
        return ModelError(f"{self.engine}: a model of kind {kind} {what}; choose another model for this setting")

    def _kill_if_told(self, requests: Sequence[Request]) -> None:
        if self._kill_on and any(
            self._kill_on in message["content"]
            for request in requests
            if isinstance(request, GenerateRequest)
            for message in request.messages
        ):
            os._exit(13)
