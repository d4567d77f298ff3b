"""Residency: engine pools that stay up from phase to phase.

with Residency(context) as resident:                  # nothing starts yet
    run_phase(context, first, units, resident)        # its engines start, if there is any unit
    resident.release(["judge"])                       # whom nobody asks again
    run_phase(context, second, units, resident)       # finds the others running
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import ray

from distilray.models import EnginePools, ModelSettings, PoolHandle, PoolHandles, PoolsDoNotFit
from distilray.runner.context import Context

ANSWER_S = 5.0
"""How long an engine that is to be asked again may take to say that it is there; one that says nothing is busy with its
own new start, and is waited for by those who ask it."""


@dataclass(frozen=True)
class _Running:
    settings: ModelSettings
    pools: EnginePools
    """With which it was started."""
    handle: PoolHandle


class Residency:
    """The pools of a run, by model: started at first need and stopped at the end, or when they are released."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._running: dict[str, _Running] = {}
        self._all = ExitStack()
        self.together: Mapping[str, ModelSettings] = {}
        """Models that start along with those of the next phase: later phases ask them, and there is room."""
        self.ended: float | None = None
        """When the last phase that asked engines ended (monotonic seconds); None: there was none."""

    @property
    def running(self) -> dict[str, ModelSettings]:
        return {name: running.settings for name, running in self._running.items()}

    def handles(
        self, models: Mapping[str, ModelSettings], told: Callable[[str], None] = lambda text: None
    ) -> PoolHandles:
        """Running pools of ``models``; see :meth:`EnginePools.start` for what it tells and raises."""
        unfit = [name for name in models.keys() & self._running.keys() if not self._serves(name, models[name])]
        self.release(unfit)
        missing = {name: model for name, model in {**self.together, **models}.items() if name not in self._running}
        if missing:
            pools = self._all.enter_context(EnginePools(self._context.run, self._context.logs))
            started = self._start(pools, missing, models, told)
            for name, handle in started.pools.items():
                self._running[name] = _Running(missing[name], pools, handle)
        return PoolHandles(self._context.run, {name: self._running[name].handle for name in models})

    def _start(
        self,
        pools: EnginePools,
        missing: Mapping[str, ModelSettings],
        models: Mapping[str, ModelSettings],
        told: Callable[[str], None],
    ) -> PoolHandles:
        try:
            return pools.start(missing, told=told)
        except PoolsDoNotFit:
            idle = self._running.keys() - models.keys()
            if not idle:
                raise
            self.release(idle)  # there is room for all of them, but not where it is needed
            return pools.start(missing, told=told)

    def _serves(self, name: str, wanted: ModelSettings) -> bool:
        """Whether the running pool is one of ``wanted``, with all its engines."""
        running = self._running[name]
        if running.settings != wanted:
            return False
        asked: list[Any] = [engine.actor.stats.remote() for engine in running.handle.engines]
        answered, _ = ray.wait(asked, num_returns=len(asked), timeout=ANSWER_S)
        try:
            ray.get(answered)
        except ray.exceptions.RayActorError:
            return False
        return True

    def release(self, names: Iterable[str]) -> None:
        """Stops the pools of these models; returns when their processes are gone."""
        for name in list(names):
            self._running.pop(name).pools.stop([name])

    def reserved(self) -> dict[str, float]:
        """CPUs and GPUs that the pools hold."""
        bundles = [bundle for model in self.running.values() for bundle in model.bundles() * model.replicas]
        return {name: sum(bundle.get(name, 0) for bundle in bundles) for name in ("CPU", "GPU")}

    def __enter__(self) -> Residency:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.clear()
        self._all.__exit__(kind, error, trace)
