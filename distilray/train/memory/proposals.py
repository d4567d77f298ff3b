"""Changes to a training that does not fit, each of which makes it fit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from distilray.train.memory.estimate import ALIKE, Costs, MemoryPlan, memory_plan
from distilray.train.memory.nodes import host_plan
from distilray.train.settings import LoraSettings, TrainResources, TrainSettings

SHARED_ROWS = "resources.sequence_parallel"


def proposals(
    config: Mapping[str, Any],
    settings: TrainSettings,
    resources: TrainResources,
    limit: float | None,
    *,
    beside: Sequence[Mapping[str, Any]] = (),
    costs: Costs = ALIKE,
    nodes: int = 1,
    host_limit: float | None = None,
) -> list[tuple[str, MemoryPlan]]:
    """Changes to a training that needs more than ``limit`` bytes per worker, or more than ``host_limit`` on each of its
    ``nodes`` machines, each of which makes it fit, mildest first: changes that cost only speed come before those that
    change the result. They are written as recipe settings. None: no limit."""
    found: list[tuple[str, MemoryPlan]] = []
    for words, changed, used, models, needs in _candidates(config, settings, resources, beside, costs):
        plan = memory_plan(config, changed, used, beside=models, costs=needs)
        adapters = [other.total for other_words, other in found if "lora" in other_words]
        if (limit is not None and plan.total > limit) or plan.total >= min(adapters, default=math.inf):
            continue
        host = host_plan(config, changed, used, beside=models, costs=needs, nodes=nodes)
        if host_limit is None or host.total <= host_limit:
            found.append((words, plan))
    return found


def _candidates(
    config: Mapping[str, Any],
    settings: TrainSettings,
    resources: TrainResources,
    beside: Sequence[Mapping[str, Any]],
    costs: Costs,
) -> Iterator[tuple[str, TrainSettings, TrainResources, Sequence[Mapping[str, Any]], Costs]]:
    """What is changed, and what then is planned; models that need not be in the workers leave them first."""
    gone = replace(costs, beside=(), reference_first=costs.reference)
    leaves = bool(beside and costs.instead)
    if leaves:
        yield costs.instead, settings, resources, (), gone
    for words, changed, used in _changes(config, settings, resources):
        yield words, changed, used, beside, costs
        if leaves:
            yield f"{costs.instead}, {words}", changed, used, (), gone


def _changes(
    config: Mapping[str, Any], settings: TrainSettings, resources: TrainResources
) -> Iterator[tuple[str, TrainSettings, TrainResources]]:
    shard = {"sharding": "fsdp"} if settings.sharding not in ("fsdp", "zero3") and resources.workers > 1 else {}
    recompute = {} if settings.activation_checkpointing else {"activation_checkpointing": True}
    smallest = {} if settings.micro_batch_size == 1 else {"micro_batch_size": 1}
    offload = {"offload": True} if resources.gpus_per_worker and not settings.offload else {}
    stay = {"offload": False} if settings.offload else {}
    adapters = settings.lora or LoraSettings()
    lora = {} if settings.lora else {"lora": adapters}
    qlora = {"lora": adapters.model_copy(update={"quantize": "nf4"}), "sharding": "ddp", "offload": False}
    shares: list[dict[str, Any]] = [{SHARED_ROWS: share, **smallest} for share in _shares(config, settings, resources)]
    offered: list[dict[str, Any]] = []
    for changes in (
        shard,
        stay,
        {**stay, **recompute},
        recompute,
        smallest,
        {**recompute, **smallest},
        {**shard, **recompute},
        {**shard, **recompute, **smallest},
        *shares,
        *({**shard, **recompute, **share} for share in shares),
        {**shard, **offload, **recompute, **smallest},
        {**shard, **lora, **recompute, **smallest},
        {**qlora, **recompute, **smallest},
    ):
        changes = {name: value for name, value in changes.items() if getattr(settings, name, None) != value}
        if not changes or changes in offered:
            continue
        offered.append(changes)
        share = changes.get(SHARED_ROWS, resources.sequence_parallel)
        changed = settings.model_copy(update={name: changes[name] for name in changes if name != SHARED_ROWS})
        used = resources.model_copy(update={"sequence_parallel": share})
        yield ", ".join(_word(*change) for change in changes.items()), changed, used


def _shares(config: Mapping[str, Any], settings: TrainSettings, resources: TrainResources) -> Iterator[int]:
    """Further numbers of workers that could share rows."""
    if settings.whole_rows is not None:
        return
    for share in (2, 4, 8):
        heads = config.get("num_attention_heads") or 0
        if share > resources.sequence_parallel and resources.workers % share == 0 and heads % share == 0:
            yield share


def _word(name: str, value: Any) -> str:
    if isinstance(value, LoraSettings):
        return f"lora: {{r: {value.r}{', quantize: nf4' if value.quantize else ''}}}"
    return f"{name}: {str(value).lower()}"
