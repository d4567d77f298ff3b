"""How busy the engines of a phase are, asked of the engines themselves: a client sees only its own requests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import ray

from distilray.models.client.pools import PoolHandles

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
    """Watches the engines of ``handles`` from now on. Engines that are down have places, all of them idle."""

    def __init__(self, handles: PoolHandles) -> None:
        self._engines = [(model, engine) for model, pool in handles.pools.items() for engine in pool.engines]
        self._places = {
            model: len(pool.engines) * pool.settings.requests_per_engine for model, pool in handles.pools.items()
        }
        self._busy = dict.fromkeys(handles.pools, 0.0)
        self._last: dict[str, tuple[int, float]] = {}
        self._ask()
        self._busy = dict.fromkeys(handles.pools, 0.0)
        self._began = time.monotonic()

    def sample(self) -> dict[str, Busy]:
        """By model, since this watch began. Blocks until the engines have answered."""
        self._ask()
        seconds = time.monotonic() - self._began
        return {model: Busy(busy, self._places[model] * seconds) for model, busy in self._busy.items()}

    def _ask(self) -> None:
        asked: dict[Any, tuple[str, str]] = {
            engine.actor.stats.remote(): (model, engine.name) for model, engine in self._engines
        }
        if not asked:
            return
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE_S)
        for ref in answered:
            model, name = asked[ref]
            try:
                stats: Any = ray.get(ref)
            except ray.exceptions.RayError:
                continue
            pid, busy = self._last.get(name, (0, 0.0))
            # A process that started again counts from nothing.
            self._busy[model] += stats["busy_s"] - (busy if pid == stats["pid"] else 0.0)
            self._last[name] = (stats["pid"], stats["busy_s"])
