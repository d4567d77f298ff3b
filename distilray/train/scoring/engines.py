"""The engines that a training asks: those of the run whose model is the same, or some of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distilray.models import EnginePools, PoolHandles, VLLMModel
from distilray.train.spec import Engines


@contextmanager
def engines_of(engines: Engines, name: str, model: VLLMModel) -> Iterator[PoolHandles]:
    """Engines of ``model`` under ``name``. Those of the run stay up where they are that model as it is, for the driver
    to stop when there is no room for them; others by that name go before the training's own start, which are stopped
    in the end."""
    resident = engines.resident
    if resident is not None and name in resident.running:
        if resident.running[name] == model:
            yield resident.handles({name: model})
            return
        resident.release([name])
    with EnginePools(engines.run, engines.logs) as pools:
        yield pools.start({name: model})
