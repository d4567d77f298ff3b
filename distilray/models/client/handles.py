"""What the driver tells clients of engine pools: plain values that can be sent to any process of the cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import ray
from ray.actor import ActorHandle

from distilray.models.client.orphans import NAMESPACE
from distilray.models.client.roster import Entry, Roster
from distilray.models.engines.base import EngineInfo
from distilray.models.engines.root_cause import cause_of_death
from distilray.models.settings.base import ModelSettings


@dataclass(frozen=True)
class EngineHandle:
    name: str
    """Its model and its number, from 0: ``teacher/3``. An engine that takes the place of a lost one has its name."""
    actor: ActorHandle
    log: Path
    """What it prints, on its node."""
    log_begins: int = 0
    """Bytes of ``log`` that earlier engines of the run left, as far as they are on the driver's machine."""
    actor_name: str = ""
    """Under which its actor is found in the run's namespace; no two actors of a run have the same."""

    @property
    def number(self) -> int:
        return int(self.name.rpartition("/")[2])

    def cause_of_death(self) -> str | None:
        """The first cause in its log since it last started; None where that does not tell."""
        return cause_of_death(self.log, self.log_begins)


@dataclass(frozen=True)
class PoolHandle:
    settings: ModelSettings
    engines: tuple[EngineHandle, ...]
    """Those that were ready when work began; the roster names those that joined since."""
    info: EngineInfo
    weights_id: str = ""
    """See :meth:`ModelSettings.weights_id`: computed once, by the driver; runners need it for every reply."""
    roster: Roster | None = None
    """Where the driver says which engines there are; None: those above, and no others."""

    def now(self, model: str) -> PoolHandle:
        """The same with the engines that there are now; ``model`` is its name."""
        listing = None if self.roster is None else self.roster.read()
        if listing is None:
            return self
        known = {engine.actor_name: engine for engine in self.engines}
        listed = sorted(listing.engines.get(model, {}).items())
        found = [known.get(entry.actor) or engine_of(model, number, entry) for number, entry in listed]
        return replace(self, engines=tuple(engine for engine in found if engine is not None))

    @property
    def numbers(self) -> int:
        """How many numbers its engines can have."""
        return max([self.settings.most_replicas, *(engine.number + 1 for engine in self.engines)])


@dataclass(frozen=True)
class PoolHandles:
    """The pools of a phase, by model name, for :class:`~distilray.models.client.client.PoolClient`. Picklable."""

    run: str
    pools: dict[str, PoolHandle]


def engine_of(model: str, number: int, entry: Entry) -> EngineHandle | None:
    """The engine of an ``entry`` of a roster; None where it is gone by now."""
    try:
        actor = ray.get_actor(entry.actor, NAMESPACE)
    except ValueError:
        return None
    return EngineHandle(f"{model}/{number}", actor, Path(entry.log), entry.log_begins, entry.actor)
