"""Virtual engines: places, and replies that take as long as they are told."""

from __future__ import annotations

import asyncio

from distilray.models.client.routing import Router
from distilray.models.engines.places import Places


class VirtualEngine:
    """One engine as a request finds it: first come, first served."""

    def __init__(self, places: int, speed: float = 1.0) -> None:
        self.speed = speed
        self.places = Places(places, asyncio.get_running_loop().time)
        self._free = asyncio.Semaphore(places)

    async def answer(self, seconds: float) -> None:
        self.places.take(1)
        try:
            async with self._free:
                await asyncio.sleep(seconds / self.speed)
        finally:
            self.places.free(1)


class VirtualPool:
    """The engines of one model. ``overhead_s``: what a request takes besides its reply, on its way there and back."""

    def __init__(self, model: str, replicas: int, places: int, overhead_s: float = 0.0) -> None:
        self.places = replicas * places
        self.names = [f"{model}/{k}" for k in range(replicas)]
        self.engines = [VirtualEngine(places) for _ in range(replicas)]
        self._each = places
        self._overhead_s = overhead_s

    def client(self) -> VirtualClient:
        """As one runner sees it."""
        return VirtualClient(self, Router(self.names, self._each), self._overhead_s)

    def busy_s(self) -> float:
        return sum(engine.places.busy_s for engine in self.engines)


class VirtualClient:
    """A runner's way to the engines: it knows of other runners' requests what engines report with each reply."""

    def __init__(self, pool: VirtualPool, router: Router, overhead_s: float) -> None:
        self._pool, self.router, self._overhead_s = pool, router, overhead_s

    async def ask(self, affinity: str, seconds: float) -> None:
        chosen = self.router.choose(affinity)
        self.router.sent(chosen, 1)
        if self._overhead_s:
            await asyncio.sleep(self._overhead_s)
        engine = self._pool.engines[chosen]
        await engine.answer(seconds)
        self.router.settled(chosen, 1)
        self.router.reported(chosen, engine.places.taken)
