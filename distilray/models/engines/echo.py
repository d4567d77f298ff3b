"""An engine without a model: how fast is everything around one?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from distilray.models.api import EngineInfo, Reply
from distilray.models.engines.base import Engine
from distilray.models.gc_tuning import tune_gc
from distilray.models.wire import Ask, Batch


class EchoEngine(Engine):
    """Answers with the last message."""

    async def ready(self) -> EngineInfo:
        tune_gc()
        return EngineInfo(self.engine, context=1 << 20, vocabulary=0, versions={})

    async def prompts(self, batch: Batch) -> Sequence[str]:
        return [ask.messages[-1]["content"] for ask in batch.asks]

    async def reply(self, prompt: str, batch: Batch, ask: Ask) -> list[Reply]:
        if self.settings.latency_s:
            await asyncio.sleep(self.settings.latency_s)
        words = prompt.count(" ") + 1
        return [Reply(prompt, "stop", 0 if k else words, self.settings.tokens) for k in range(ask.n)]
