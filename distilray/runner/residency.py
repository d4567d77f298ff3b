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
from ray.exceptions import RayActorError

from distilray.models import EnginePools, ModelSettings, PoolHandle, PoolHandles, PoolsDoNotFit
from distilray.runner.context import Context
from distilray.runner.sizing import size

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
        return PoolHandles(self._context.run, {name: self._running[name].handle.now(name) for name in models})

    def _start(
        self,
        pools: EnginePools,
        missing: Mapping[str, ModelSettings],
        models: Mapping[str, ModelSettings],
        told: Callable[[str], None],
    ) -> PoolHandles:
        try:
            return self._begin(pools, missing, told)
        except PoolsDoNotFit:
            idle = self._running.keys() - models.keys()
            if not idle:
                raise
            self.release(idle)  # there is room for all of them, but not where it is needed
            return self._begin(pools, missing, told)

    def _begin(
        self, pools: EnginePools, missing: Mapping[str, ModelSettings], told: Callable[[str], None]
    ) -> PoolHandles:
        if all(model.most_replicas == model.least_replicas for model in missing.values()):
            return pools.start(missing, told=told)
        resources = self._context.resources
        runners = size(resources, missing, units=1 << 30).runners
        return pools.start(missing, told=told, spare_cpus=runners * resources.runner_cpus)

    def _serves(self, name: str, wanted: ModelSettings) -> bool:
        """Whether the running pool is one of ``wanted``, and any of its engines lives: it replaces the others."""
        running = self._running[name]
        if running.settings != wanted:
            return False
        asked: list[Any] = [engine.actor.stats.remote() for engine in running.handle.now(name).engines]
        if not asked:
            return False
        answered, silent = ray.wait(asked, num_returns=len(asked), timeout=ANSWER_S)
        return bool(silent) or any(_lives(ref) for ref in answered)

    def release(self, names: Iterable[str]) -> None:
        """Stops the pools of these models; returns when their processes are gone."""
        for name in list(names):
            self._running.pop(name).pools.stop([name])

    def reserved(self) -> dict[str, float]:
        """CPUs and GPUs that the pools hold."""
        bundles = [bundle for model in self.running.values() for bundle in model.bundles() * model.least_replicas]
        return {name: sum(bundle.get(name, 0) for bundle in bundles) for name in ("CPU", "GPU")}

    def __enter__(self) -> Residency:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.clear()
        self._all.__exit__(kind, error, trace)


def _lives(answer: Any) -> bool:
    try:
        ray.get(answer)
    except RayActorError:
        return False
    return True
