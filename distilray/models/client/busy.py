"""How busy the engines of a phase are, asked of the engines themselves: a client sees only its own requests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import ray

from distilray.models.client.handles import EngineHandle, PoolHandles

PATIENCE_S = 2.0
"""An engine that does not answer by then is skipped: it starts again, or renders a large batch."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Seconds of one model's places, summed over them: those in which they were busy, and all."""

    busy_s: float
    place_s: float

    @property
    def share(self) -> float:
        return self.busy_s / self.place_s if self.place_s else 0.0


class BusyPlaces:
    """Watches the engines of ``handles`` from now on, and those that join. Engines that are down have places, all of
    them idle."""

    def __init__(self, handles: PoolHandles) -> None:
        self._pools = handles.pools
        self._busy = dict.fromkeys(handles.pools, 0.0)
        self._place_s = dict.fromkeys(handles.pools, 0.0)
        self._last: dict[str, tuple[int, float]] = {}
        self._seen = time.monotonic()
        self._ask()
        self._busy = dict.fromkeys(handles.pools, 0.0)
        self._place_s = dict.fromkeys(handles.pools, 0.0)

    def sample(self) -> dict[str, Busy]:
        """By model, since this watch began. Blocks until the engines have answered."""
        self._ask()
        return {model: Busy(busy, self._place_s[model]) for model, busy in self._busy.items()}

    @property
    def engines(self) -> dict[str, int]:
        """Model to the engines that it had when it was last looked."""
        return {model: len(pool.engines) for model, pool in self._pools.items()}

    def _ask(self) -> None:
        now = time.monotonic()
        for model, pool in self._pools.items():
            self._place_s[model] += len(pool.engines) * pool.settings.requests_per_engine * (now - self._seen)
        self._seen = now
        known = {engine.actor_name for pool in self._pools.values() for engine in pool.engines}
        self._pools = {model: pool.now(model) for model, pool in self._pools.items()}
        asked: dict[Any, tuple[str, EngineHandle]] = {
            engine.actor.stats.remote(): (model, engine)
            for model, pool in self._pools.items()
            for engine in pool.engines
        }
        if not asked:
            return
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE_S)
        for ref in answered:
            model, engine = asked[ref]
            try:
                stats: Any = ray.get(ref)
            except ray.exceptions.RayError:
                continue
            self._count(model, engine, stats, joined=engine.actor_name not in known)

    def _count(self, model: str, engine: EngineHandle, stats: dict[str, Any], *, joined: bool) -> None:
        pid, busy = self._last.get(engine.name, (0, 0.0))
        # A process that started again counts from nothing; one that joined was busy before it was looked at.
        if pid == stats["pid"]:
            self._busy[model] += stats["busy_s"] - busy
        elif not joined:
            self._busy[model] += stats["busy_s"]
        self._last[engine.name] = (stats["pid"], stats["busy_s"])
