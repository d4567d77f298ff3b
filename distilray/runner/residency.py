"""Residency: engine pools that are kept running for one phase, or for several that share them.

with Residency(context, {**teacher, **student}) as resident:      # nothing starts yet
    run_phase(context, first, units, resident)                    # all engines start at once, if there is any unit
    run_phase(context, second, units, resident)                   # finds them running
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType

from distilray.models import EnginePools, ModelSettings, PoolHandles
from distilray.runner.context import Context


class Residency:
    """Pools of ``models``, started at first need and stopped at the end."""

    def __init__(self, context: Context, models: Mapping[str, ModelSettings]) -> None:
        self.models = models
        self._pools = EnginePools(context.run, context.logs)
        self._handles: PoolHandles | None = None

    def handles(self, told: Callable[[str], None] = lambda text: None) -> PoolHandles:
        """The running pools; see :meth:`EnginePools.start` for what it tells and raises."""
        if self._handles is None:
            self._handles = self._pools.start(self.models, told=told)
        return self._handles

    def reserved(self) -> dict[str, float]:
        """CPUs and GPUs that the pools hold."""
        bundles = [bundle for model in self.models.values() for bundle in model.bundles() * model.replicas]
        return {name: sum(bundle.get(name, 0) for bundle in bundles) for name in ("CPU", "GPU")}

    def __enter__(self) -> Residency:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pools.stop()
