"""Engine pools: everything a phase's models need is reserved first, then all engines start at once.

pools = EnginePools(run="r1", logs="/tmp/r1/logs")
handles = pools.start({"teacher": VLLMModel(...), "judge": OpenAIModel(...)})   # picklable; goes to the runners
...
pools.stop()
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import ray
from ray.actor import ActorHandle
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from distilray.models.client.orphans import NAMESPACE, remove_orphans
from distilray.models.engines.base import EngineInfo, Launch, log_of
from distilray.models.engines.root_cause import cause_of_death, size_of
from distilray.models.errors import EngineFailed, PoolsDoNotFit
from distilray.models.registry import engine_class
from distilray.models.settings.base import ModelSettings


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
        self._groups: list[PlacementGroup] = []
        self._actors: list[ActorHandle] = []

    def start(self, models: Mapping[str, ModelSettings], timeout_s: float = 900) -> PoolHandles:
        """Reserve, start and wait for every engine of ``models``.

        Raises ``ValueError`` (something is missing that the settings name), :class:`PoolsDoNotFit` or
        :class:`~distilray.models.EngineFailed`; nothing is left running then.
        """
        for settings in models.values():
            settings.check()
        remove_orphans(self.run)
        deadline = time.monotonic() + timeout_s
        try:
            groups = self._reserve(models, deadline)
            engines = {
                name: [self._engine(name, k, settings, group) for k, group in enumerate(groups[name])]
                for name, settings in models.items()
            }
            pools = {
                name: PoolHandle(
                    settings, tuple(engines[name]), self._ready(engines[name], deadline), settings.weights_id()
                )
                for name, settings in models.items()
            }
        except BaseException:
            self.stop()
            raise
        return PoolHandles(self.run, pools)

    def _reserve(self, models: Mapping[str, ModelSettings], deadline: float) -> dict[str, list[PlacementGroup]]:
        groups: dict[str, list[PlacementGroup]] = {}
        for name, settings in models.items():
            groups[name] = []
            for k in range(settings.replicas):
                group = placement_group(settings.bundles(), strategy="PACK", name=f"{_prefix(self.run)}{name}/{k}")
                self._groups.append(group)
                groups[name].append(group)
        waiting = [group.ready() for group in self._groups]
        # Resources that the last phase released return within seconds, or not at all.
        patience = min(60.0, max(0.0, deadline - time.monotonic()))
        _, missing = ray.wait(waiting, num_returns=len(waiting), timeout=patience)
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
        launch = Launch(self.logs, secrets, os.environ.get("DISTILRAY_FAULTS", ""))
        log = log_of(self.logs, name)
        begins = size_of(log)
        actor = (
            ray.remote(engine_class(settings))
            .options(
                name=f"{_prefix(self.run)}{name}",
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
        self._actors.append(actor)
        return EngineHandle(name, actor, log, begins)

    def _ready(self, engines: list[EngineHandle], deadline: float) -> EngineInfo:
        waiting = [engine.actor.ready.remote() for engine in engines]
        _, missing = ray.wait(waiting, num_returns=len(waiting), timeout=max(0.0, deadline - time.monotonic()))
        if missing:
            late = [engine.name for engine, ref in zip(engines, waiting, strict=True) if ref in missing]
            raise EngineFailed(f"engines {', '.join(late)} were not ready in time; their logs are in {self.logs}")
        try:
            return ray.get(waiting)[0]
        except EngineFailed as error:  # Ray's copy carries the actor's whole stack in its text
            raise EngineFailed(*error.cause.args) from None
        except ray.exceptions.RayActorError as error:
            causes = (engine.cause_of_death() for engine in engines)
            why = next(filter(None, causes), None) or str(error).strip().splitlines()[0]
            raise EngineFailed(f"an engine died while it started: {why}; its log is in {self.logs}") from None

    def stop(self) -> None:
        """Release every engine and what was reserved for it."""
        for actor in self._actors:
            ray.kill(actor)
        for group in self._groups:
            remove_placement_group(group)
        self._actors.clear()
        self._groups.clear()

    def __enter__(self) -> EnginePools:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _prefix(run: str) -> str:
    return f"distilray/{run}/"


def _totals(resources: Mapping[str, float]) -> dict[str, float]:
    return {name: resources.get(name, 0) for name in ("CPU", "GPU")}
