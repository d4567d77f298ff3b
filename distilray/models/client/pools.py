"""Engine pools: everything a phase's models need is reserved first, then all engines start at once, but for those that
share a GPU and would mistake each other's memory for their own. A pool that stops is gone, processes and memory.

pools = EnginePools(run="r1", logs="/tmp/r1/logs")
handles = pools.start({"teacher": VLLMModel(...), "judge": OpenAIModel(...)})   # picklable; goes to the runners
...
pools.stop()
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from distilray.errors import MachineryFault
from distilray.models.client.gone import await_engines_gone, guard_of, nodes_of
from distilray.models.client.orphans import NAMESPACE, held, remove_orphans
from distilray.models.client.startup import EngineStart, Told, await_started, start_waves
from distilray.models.engines.base import EngineInfo, Launch, log_of
from distilray.models.engines.root_cause import cause_of_death, size_of
from distilray.models.errors import PoolsDoNotFit
from distilray.models.registry import engine_class
from distilray.models.settings.base import ModelSettings

PLACED_S = 60.0
"""How long a place is waited for: what others released returns within seconds, or not at all."""


@dataclass(frozen=True)
class EngineHandle:
    name: str
    actor: ActorHandle
    log: Path
    """What it prints, on its node."""
    log_begins: int = 0
    """Bytes of ``log`` that earlier engines of the run left, as far as they are on the driver's machine."""

    def cause_of_death(self) -> str | None:
        """The first cause in its log since it last started; None where that does not tell."""
        return cause_of_death(self.log, self.log_begins)


@dataclass(frozen=True)
class PoolHandle:
    settings: ModelSettings
    engines: tuple[EngineHandle, ...]
    info: EngineInfo
    weights_id: str = ""
    """See :meth:`ModelSettings.weights_id`: computed once, by the driver; runners need it for every reply."""


@dataclass(frozen=True)
class PoolHandles:
    """The pools of a phase, by model name, for :class:`~distilray.models.client.client.PoolClient`. Picklable."""

    run: str
    pools: dict[str, PoolHandle]


class EnginePools:
    """The engines of one phase, owned by the driver. A context manager that stops them."""

    def __init__(self, run: str, logs: str | None = None) -> None:
        """``run`` is the run's id; ``logs`` a directory, on each node, for what engines print."""
        self.run = run
        self.logs = logs or str(Path(tempfile.gettempdir()) / f"distilray-{run}")
        self._groups: dict[str, PlacementGroup] = {}
        self._actors: dict[str, ActorHandle] = {}

    def start(
        self, models: Mapping[str, ModelSettings], timeout_s: float | None = None, told: Told = lambda text: None
    ) -> PoolHandles:
        """Reserve, start and wait for every engine of ``models``.

        Resources that are taken are waited for ``timeout_s`` long (default: a minute); each engine as long as its log
        says something new within its ``start_timeout_s``, and what it says is told to ``told``. Raises ``ValueError``
        (something is missing that the settings name), :class:`PoolsDoNotFit` or
        :class:`~distilray.models.EngineFailed`; nothing is left running then.
        """
        for settings in models.values():
            settings.check()
        remove_orphans(self.run)
        deadline = time.monotonic() + (PLACED_S if timeout_s is None else timeout_s)
        try:
            groups = self._reserve(models, deadline)
            pools = self._start_all(models, groups, told)
        except BaseException as error:
            self._stop_after(error)
            raise
        return PoolHandles(self.run, pools)

    def _start_all(
        self, models: Mapping[str, ModelSettings], groups: Mapping[str, list[PlacementGroup]], told: Told
    ) -> dict[str, PoolHandle]:
        engines: dict[str, list[EngineStart]] = {name: [] for name in models}
        for wave in start_waves(models):
            starts = []
            for name, k in wave:
                settings = models[name]
                make = partial(self._engine, name, k, settings, groups[name][k])
                starts.append(start := EngineStart(make, self._discard, settings.start_timeout_s))
                engines[name].append(start)
            await_started(starts, told)
        return {name: _pool(models[name], started) for name, started in engines.items()}

    def _discard(self, engine: EngineHandle) -> None:
        """Ends one engine, whose place is kept."""
        ray.kill(self._actors.pop(engine.name))
        await_engines_gone(nodes_of(self._placed([engine.name])))

    def _placed(self, engines: Iterable[str]) -> list[Mapping[str, Any]]:
        """What Ray says about where these engines are."""
        table = placement_group_table()
        return [table[self._groups[engine].id.hex()] for engine in engines]

    def _reserve(self, models: Mapping[str, ModelSettings], deadline: float) -> dict[str, list[PlacementGroup]]:
        groups: dict[str, list[PlacementGroup]] = {}
        for name, settings in models.items():
            groups[name] = []
            for k in range(settings.replicas):
                group = placement_group(settings.bundles(), strategy="PACK", name=f"{_prefix(self.run)}{name}/{k}")
                self._groups[f"{name}/{k}"] = group
                groups[name].append(group)
        waiting = [group.ready() for some in groups.values() for group in some]
        _, missing = ray.wait(waiting, num_returns=len(waiting), timeout=max(0.0, deadline - time.monotonic()))
        if missing:
            needed = {name: [settings.bundles(), f"x {settings.replicas}"] for name, settings in models.items()}
            raise PoolsDoNotFit(
                f"only {len(waiting) - len(missing)} of {len(waiting)} engines can be placed. They reserve {needed}; "
                f"the cluster has {_totals(ray.cluster_resources())}, free {_totals(ray.available_resources())}. "
                "Lower replicas, cpus or gpus of a model, or add nodes"
            )
        return groups

    def _engine(self, model: str, k: int, settings: ModelSettings, group: PlacementGroup) -> EngineHandle:
        name = f"{model}/{k}"
        bundle = settings.bundles()[0]
        secrets = {variable: os.environ.get(variable, "") for variable in settings.secrets()}
        engine = engine_class(settings)
        full_name = f"{_prefix(self.run)}{name}"
        guard = guard_of(full_name) if engine.holds_memory else ""
        launch = Launch(self.logs, secrets, guard, os.environ.get("DISTILRAY_FAULTS", ""))
        log = log_of(self.logs, name)
        held.add(full_name)
        begins = size_of(log)
        actor = (
            ray.remote(engine)
            .options(
                name=full_name,
                namespace=NAMESPACE,
                num_cpus=bundle["CPU"],
                # Workers of an engine that is spread over nodes take the GPUs of the bundles themselves.
                num_gpus=0 if settings.spread else bundle.get("GPU", 0),
                max_restarts=settings.restarts,
                max_task_retries=0,  # the client asks again, and knows what is already answered
                max_concurrency=10_000,
                scheduling_strategy=PlacementGroupSchedulingStrategy(
                    group, 0, placement_group_capture_child_tasks=True
                ),
            )
            .remote(name, settings, launch)
        )
        self._actors[name] = actor
        return EngineHandle(name, actor, log, begins)

    def stop(self, models: Collection[str] | None = None) -> None:
        """Release every engine (of ``models``) and what was reserved for it, and wait until their processes are gone.

        Raises :class:`~distilray.errors.MachineryFault` where one stays for a minute after it was killed.
        """
        engines = [name for name in self._groups if models is None or name.rpartition("/")[0] in models]
        if not engines:
            return
        placed = self._placed(engines)
        for name in engines:
            if name in self._actors:  # else it was reserved and no more
                ray.kill(self._actors.pop(name))
            remove_placement_group(self._groups.pop(name))
        held.difference_update(group["name"] for group in placed)
        await_engines_gone(nodes_of(placed))

    def _stop_after(self, error: BaseException) -> None:
        """Stops where ``error`` is what the user has to hear of."""
        try:
            self.stop()
        except MachineryFault as left:
            error.add_note(str(left))

    def __enter__(self) -> EnginePools:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:
            self._stop_after(error)


def _prefix(run: str) -> str:
    return f"distilray/{run}/"


def _pool(settings: ModelSettings, started: Sequence[EngineStart]) -> PoolHandle:
    infos = [start.info for start in started if start.info is not None]
    return PoolHandle(settings, tuple(start.handle for start in started), infos[0], settings.weights_id())


def _totals(resources: Mapping[str, float]) -> dict[str, float]:
    return {name: resources.get(name, 0) for name in ("CPU", "GPU")}
