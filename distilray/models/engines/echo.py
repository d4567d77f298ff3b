"""A dummy model: measures how fast everything around an engine is. Settings and engine in one file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from distilray.models.engines.base import Engine, EngineInfo
from distilray.models.gc_tuning import tune_gc
from distilray.models.replies import Reply
from distilray.models.requests import GenerateRequest, Request, Sampling
from distilray.models.settings.base import GenerativeModel


class EchoEngine(Engine):
    """Answers with the last message."""

    async def ready(self) -> EngineInfo:
        tune_gc()
        return EngineInfo(self.engine, context=1 << 20, vocabulary=0, versions={})

    async def prompts(self, requests: Sequence[Request]) -> Sequence[Any]:
        return [ask.messages[-1]["content"] if isinstance(ask, GenerateRequest) else None for ask in requests]

    async def generate(self, prompt: str, request: GenerateRequest) -> list[Reply]:
        if self.settings.latency_s:
            await asyncio.sleep(self.settings.latency_s)
        words = prompt.count(" ") + 1
        return [Reply(prompt, "stop", 0 if k else words, self.settings.tokens) for k in range(request.n)]


class EchoModel(GenerativeModel):
    """Answers with the question, for benchmarks of everything around a model."""

    engine_class: ClassVar = EchoEngine

    kind: Literal["echo"] = Field(default="echo", description="no model: the reply is the last message")
    tokens: int = Field(default=16, ge=1, description="tokens that a reply counts as")
    cpus: float = Field(default=0.1, ge=0, description="CPUs reserved for one engine")
    concurrency: int = Field(default=1024, ge=1, description="requests that one engine works on at once")
    latency_s: float = Field(default=0, ge=0, description="seconds a reply takes")

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
