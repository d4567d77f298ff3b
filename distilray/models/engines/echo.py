"""A dummy model: measures how fast everything around an engine is, and how busy it keeps one whose replies take as long
as those of real models. Settings and engine in one file."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from distilray.models.engines.base import Engine, EngineInfo, Launch
from distilray.models.gc_tuning import tune_gc
from distilray.models.replies import Reply
from distilray.models.requests import GenerateRequest, Request, Sampling
from distilray.models.settings.base import GenerativeModel


class EchoEngine(Engine):
    """Answers with the last message."""

    holds_memory = False
    settings: EchoModel

    def __init__(self, engine: str, settings: EchoModel, launch: Launch = Launch()) -> None:  # noqa: B008
        super().__init__(engine, settings, launch)
        self._free = asyncio.Semaphore(settings.concurrency)

    async def ready(self) -> EngineInfo:
        tune_gc()
        return EngineInfo(self.engine, context=1 << 20, vocabulary=0, versions={})

    async def prompts(self, requests: Sequence[Request]) -> Sequence[Any]:
        return [ask.messages[-1]["content"] if isinstance(ask, GenerateRequest) else None for ask in requests]

    async def generate(self, prompt: str, request: GenerateRequest) -> list[Reply]:
        if self.settings.latency_s:
            seconds = latencies(self.settings, request.seed, request.n)
            await asyncio.gather(*(self._take_a_place(wait) for wait in seconds))
        words = prompt.count(" ") + 1
        return [Reply(prompt, "stop", 0 if k else words, self.settings.tokens) for k in range(request.n)]

    async def _take_a_place(self, seconds: float) -> None:
        async with self._free:
            await asyncio.sleep(seconds)


def latencies(settings: EchoModel, seed: int, n: int) -> list[float]:
    """Seconds that each of ``n`` replies takes once it has a place: log-normal with the mean ``latency_s``."""
    if not settings.latency_sigma:
        return [settings.latency_s] * n
    draws = random.Random(seed)
    sigma = settings.latency_sigma
    middle = math.log(settings.latency_s) - sigma**2 / 2
    return [draws.lognormvariate(middle, sigma) for _ in range(n)]


class EchoModel(GenerativeModel):
    """Answers with the question, for benchmarks of everything around a model."""

    engine_class: ClassVar = EchoEngine

    kind: Literal["echo"] = Field(default="echo", description="no model: the reply is the last message")
    tokens: int = Field(default=16, ge=1, description="tokens that a reply counts as")
    cpus: float = Field(default=0.1, ge=0, description="CPUs reserved for one engine")
    concurrency: int = Field(
        default=1024,
        ge=1,
        description="replies that one engine works on at once; further ones wait where replies take time",
    )
    latency_s: float = Field(default=0, ge=0, description="seconds a reply takes, on average")
    latency_sigma: float = Field(
        default=0, ge=0, le=3, description="spread of these seconds (log-normal), drawn from the request's seed"
    )

    @model_validator(mode="after")
    def _does_not_sample(self) -> EchoModel:
        if self.sampling != Sampling():
            changed = self.sampling.model_dump(exclude_defaults=True)
            raise ValueError(f"sampling is {changed}, but kind echo repeats the prompt; remove `sampling`")
        return self

    @property
    def requests_per_engine(self) -> int:
        return self.concurrency

    def weights_id(self) -> str:
        return self._identity(echo=self.tokens)
