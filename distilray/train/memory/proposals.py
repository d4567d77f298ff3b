"""Changes to a training that does not fit, each of which makes it fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distilray.train.memory.estimate import ALIKE, Costs, MemoryPlan, memory_plan
from distilray.train.settings import LoraSettings, TrainResources, TrainSettings

SHARED_ROWS = "resources.sequence_parallel"


def proposals(
    config: Mapping[str, Any],
    settings: TrainSettings,
    resources: TrainResources,
    limit: int,
    *,
    beside: Sequence[Mapping[str, Any]] = (),
    costs: Costs = ALIKE,
) -> list[tuple[str, MemoryPlan]]:
    """Changes to a training that needs more than ``limit`` bytes per worker, each of which makes it fit, mildest first:
    changes that cost only speed come before those that change the result. They are written as recipe settings."""
    found = []
    for words, changed, used in _changes(config, settings, resources):
        plan = memory_plan(config, changed, used, beside=beside, costs=costs)
        adapters = [other.total for other_words, other in found if "lora" in other_words]
        if plan.total <= limit and plan.total < min(adapters, default=limit + 1):
            found.append((words, plan))
    return found


def _changes(
    config: Mapping[str, Any], settings: TrainSettings, resources: TrainResources
) -> Iterator[tuple[str, TrainSettings, TrainResources]]:
    shard = {"sharding": "fsdp"} if settings.sharding not in ("fsdp", "zero3") and resources.workers > 1 else {}
    recompute = {} if settings.activation_checkpointing else {"activation_checkpointing": True}
    smallest = {} if settings.micro_batch_size == 1 else {"micro_batch_size": 1}
    offload = {"offload": True} if resources.gpus_per_worker and not settings.offload else {}
    adapters = settings.lora or LoraSettings()
    lora = {} if settings.lora else {"lora": adapters}
    qlora = {"lora": adapters.model_copy(update={"quantize": "nf4"}), "sharding": "ddp", "offload": False}
    shares: list[dict[str, Any]] = [{SHARED_ROWS: share, **smallest} for share in _shares(config, settings, resources)]
    offered: list[dict[str, Any]] = []
    for changes in (
        shard,
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
