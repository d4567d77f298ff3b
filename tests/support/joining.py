"""Engines that answer with the question: each starts later than the one before it, and not at all on some nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from distilray.models import Engine, EngineFailed, EngineInfo, GenerateRequest, GenerativeModel, Reply


class JoiningEngine(Engine):
    settings: JoiningModel
    holds_memory = False
    has_waited = False

    async def ready(self) -> EngineInfo:
        import ray

        settings = self.settings
        node = ray.get_runtime_context().get_node_id()
        if settings.bad_nodes and node in Path(settings.bad_nodes).read_text().split():
            raise EngineFailed(f"{self.engine} did not start: the GPU is lost")
        if not self.has_waited:
            await asyncio.sleep(settings.late_s * int(self.engine.rpartition("/")[2]))
            self.has_waited = True
        return await super().ready()

    async def generate(self, prompt: None, request: GenerateRequest) -> list[Reply]:
        await asyncio.sleep(self.settings.latency_s)
        return [Reply(request.messages[-1]["content"], "stop", 1, 1)] * request.n


class JoiningModel(GenerativeModel):
    engine_class: ClassVar = JoiningEngine

    late_s: float = Field(default=0, description="seconds that an engine is later than the one before it")
    bad_nodes: str = Field(default="", description="file with the ids of nodes on which none starts")
    latency_s: float = Field(default=0.1, description="seconds a reply takes")
    cpus: float = Field(default=0.1, description="CPUs of an engine")
