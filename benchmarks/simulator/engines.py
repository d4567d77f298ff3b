"""Virtual engines: places, and replies that take as long as they are told."""

from __future__ import annotations

import asyncio

from distilray.models.client.routing import choose, stable_hash
from distilray.models.engines.places import Places


class VirtualEngine:
    """One engine as routing sees it and as a request finds it: first come, first served."""

    def __init__(self, name: str, places: int, speed: float = 1.0) -> None:
        self.salt = stable_hash(name)
        self.in_flight = 0
        self.speed = speed
        self.places = Places(places, asyncio.get_running_loop().time)
        self._free = asyncio.Semaphore(places)

    async def answer(self, seconds: float) -> None:
        self.in_flight += 1
        self.places.take(1)
        try:
            async with self._free:
                await asyncio.sleep(seconds / self.speed)
        finally:
            self.places.free(1)
            self.in_flight -= 1


class VirtualPool:
    """The engines of one model. ``overhead_s``: what a request takes besides its reply, on its way there and back."""

    def __init__(self, model: str, replicas: int, places: int, overhead_s: float = 0.0) -> None:
        self.places = replicas * places
        self.engines = [VirtualEngine(f"{model}/{k}", places) for k in range(replicas)]
        self._each = places
        self._overhead_s = overhead_s

    async def ask(self, affinity: str, seconds: float) -> None:
        if self._overhead_s:
            await asyncio.sleep(self._overhead_s)
        await choose(affinity, self.engines, self._each).answer(seconds)

    def busy_s(self) -> float:
        return sum(engine.places.busy_s for engine in self.engines)
