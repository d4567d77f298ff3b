"""Starting one engine's actor in its reservation."""

from __future__ import annotations

import os
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from distilray.models.client.gone import guard_of
from distilray.models.client.handles import EngineHandle
from distilray.models.client.orphans import NAMESPACE, held, prefix
from distilray.models.engines.base import Launch, log_of
from distilray.models.engines.root_cause import size_of
from distilray.models.registry import engine_class
from distilray.models.settings.base import ModelSettings


def launch(
    run: str, logs: str, name: str, generation: int, settings: ModelSettings, group: PlacementGroup
) -> EngineHandle:
    """The engine ``name`` (``teacher/3``) of ``run``, which begins to start; ``generation``: how many of that name
    were started before. The process has what the settings' ``secrets`` name in this one's environment."""
    bundle = settings.bundles()[0]
    secrets = {variable: os.environ.get(variable, "") for variable in settings.secrets()}
    engine = engine_class(settings)
    full_name = f"{prefix(run)}{name}"
    guard = guard_of(full_name) if engine.holds_memory else ""
    log = log_of(logs, name)
    begins = size_of(log)
    # A name is free again only some time after its actor has died.
    actor_name = f"{full_name}.{generation}" if generation else full_name
    held.add(actor_name)
    actor: Any = (
        ray.remote(engine)
        .options(
            name=actor_name,
            namespace=NAMESPACE,
            num_cpus=bundle["CPU"],
            # Workers of an engine that is spread over nodes take the GPUs of the bundles themselves.
            num_gpus=0 if settings.spread else bundle.get("GPU", 0),
            max_restarts=settings.restarts,
            max_task_retries=0,  # the client asks again, and knows what is already answered
            max_concurrency=10_000,
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, 0, placement_group_capture_child_tasks=True),
        )
        .remote(name, settings, Launch(logs, secrets, guard, os.environ.get("DISTILRAY_FAULTS", "")))
    )
    return EngineHandle(name, actor, log, begins, actor_name)


def state_of(engine: EngineHandle) -> tuple[str, int]:
    """What Ray says of its actor: ``ALIVE``, ``RESTARTING``, ``DEAD`` (it is not started again) ..., and how often it
    was started again."""
    row = ray._private.state.state.actor_table(  # pyright: ignore[reportPrivateImportUsage]
        engine.actor._actor_id.hex()
    )
    return row.get("State", "DEAD"), int(row.get("NumRestarts", 0))
