"""The memory that each training of a recipe needs on its workers' GPUs and on their machines, whether those have it,
and the time that its files take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distilray.checkpoints import known_config
from distilray.errors import counted
from distilray.models import ClassifierModel, ModelSettings, VLLMModel
from distilray.planning.residency import Available, described
from distilray.recipe import Problem, Recipe, TrainEntry
from distilray.train import (
    CannotTrain,
    FilesPlan,
    HostPlan,
    MemoryPlan,
    TrainResources,
    check_shared_attention,
    files_plan,
    host_plan,
    memory_plan,
    proposals,
)

GIB = 2**30


@dataclass(frozen=True)
class TrainingNeed:
    """One training: the memory that a worker needs and has, in bytes."""

    entry: TrainEntry
    memory: MemoryPlan | None
    """None if the student's config is not available, or is not that of a dense decoder; ``unknown`` says which."""
    unknown: str
    room: float | None
    """Of its GPU, or its share of the memory; None if unknown."""
    host: HostPlan | None = None
    """Of the machine that needs most; None where ``memory`` is."""
    host_room: float | None = None
    """Of that machine; None if unknown, and for workers on CPUs, whose share of the memory is ``room``."""
    files: FilesPlan | None = None
    remedies: tuple[tuple[str, MemoryPlan], ...] = ()
    """Changes that would make it fit, if it does not."""

    @property
    def fits_workers(self) -> bool:
        return self.memory is None or self.room is None or self.memory.total <= self.room

    @property
    def fits_hosts(self) -> bool:
        return self.host is None or self.host_room is None or self.host.total <= self.host_room

    @property
    def fits(self) -> bool:
        return self.fits_workers and self.fits_hosts


def training_needs(recipe: Recipe, available: Available) -> list[TrainingNeed]:
    """The needs of every training of the recipe, in order."""
    return [_need(entry, recipe.models, available) for entry in recipe.all_trainings()]


def needs_as_json(recipe: Recipe, available: Available) -> dict[str, Any]:
    """What ``distilray plan --json`` writes: the machines, each training's needs on them, and why they cannot run.

    Sizes of memory are GiB (2^30 bytes), those of files GB (10^9 bytes), as ``storage_gb_s`` is.
    """
    machines = {name: getattr(available, name) for name in ("nodes", "gpus", "gpu_gib", "host_gib", "storage_gb_s")}
    return {
        "recipe": recipe.name,
        "machines": machines,
        "trainings": [_as_json(need) for need in training_needs(recipe, available)],
        "problems": [problem.text for problem in training_problems(recipe, available)],
    }


def _as_json(need: TrainingNeed) -> dict[str, Any]:
    return {
        "name": need.entry.name,
        "kind": need.entry.settings.kind,
        "fits": need.fits,
        "unknown": need.unknown,
        "worker_gib": need.memory and need.memory.gib(),
        "worker_room_gib": _gib(need.room),
        "host_gib": need.host and need.host.gib(),
        "host_room_gib": _gib(need.host_room),
        "files_gb": need.files and need.files.gb(),
        "would_fit": {words: plan.gib()["total"] for words, plan in need.remedies},
    }


def _gib(size: float | None) -> float | None:
    return None if size is None else round(size / GIB, 2)


def training_problems(recipe: Recipe, available: Available) -> list[Problem]:
    """Trainings that do not fit, with the changes that would make them fit."""
    problems = []
    most, unknown = available.at_most(), available.autoscales and not available.may_join
    for need in training_needs(recipe, available):
        entry, used = need.entry, need.entry.resources
        config, _ = _config_of(recipe.models.get(entry.settings.student))
        if config is not None and used.sequence_parallel > 1:
            try:
                check_shared_attention(config, used.sequence_parallel, entry.settings.student)
            except CannotTrain as error:
                problems.append(Problem((*entry.place, "resources", "sequence_parallel"), str(error)))
        cpus, gpus = used.fewest * used.cpus_per_worker, used.fewest * used.gpus_per_worker
        if (cpus > most.cpus + 1e-6 or gpus > most.gpus + 1e-6) and not unknown:
            text = (
                f"training {entry.name!r} cannot fit: its {counted(used.fewest, 'worker')} "
                f"{'needs' if used.fewest == 1 else 'need'} {counted(cpus, 'CPU')} and {counted(gpus, 'GPU')}, but "
                f"{described(available)}; lower workers, or add nodes"
            )
            problems.append(Problem((*entry.place, "resources"), text))
        elif not need.fits:
            problems.append(Problem(entry.place, _refusal(need)))
    return problems


def _refusal(need: TrainingNeed) -> str:
    assert need.memory is not None and need.host is not None
    parts = []
    if not need.fits_workers and need.room is not None:
        gib = need.memory.gib()
        names = ("weights", "gradients", "optimizer", "gathered", "activations", "logits", "beside", "overhead")
        what = "GPU" if need.entry.resources.gpus_per_worker else "share of the memory"
        parts.append(
            f"each worker needs about {gib['total']:.1f} GiB at its peak ({_detail(gib, names)}), its {what} has "
            f"{need.room / GIB:.1f} GiB. "
        )
    if not need.fits_hosts and need.host_room is not None:
        gib = need.host.gib()
        parts.append(
            f"a machine needs about {gib['total']:.1f} GiB of its own memory "
            f"({_detail(gib, ('processes', 'loading', 'offloaded', 'exporting'))}) and has "
            f"{need.host_room / GIB:.1f} GiB. "
        )
    text = f"training {need.entry.name!r} cannot fit: " + "".join(parts)
    if not need.remedies:
        return (
            text + "No setting of this training makes it fit: take more workers, larger machines or a smaller student"
        )
    fitting = "; or ".join(f"{words} ({plan.total / GIB:.1f} GiB)" for words, plan in need.remedies[:4])
    return text + f"What would fit: {fitting}"


def _detail(gib: Mapping[str, float], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {gib[name]:g}" for name in names if gib[name])


def _need(entry: TrainEntry, models: Mapping[str, ModelSettings], available: Available) -> TrainingNeed:
    settings, used = entry.settings, _fewest(entry.resources)
    room, nodes = _room(entry, available), _nodes(used, available)
    config, unknown = _config_of(models.get(settings.student))
    if config is None:
        return TrainingNeed(entry, None, unknown, room)
    costs, others = entry.method.costs(settings), []
    for name in costs.beside:
        other, unknown = _config_of(models.get(name))
        if other is None:
            return TrainingNeed(entry, None, unknown, room)
        others.append(other)
    held: dict[str, Any] = {"beside": others, "costs": costs}
    try:
        memory = memory_plan(config, settings, used, **held)
        host = host_plan(config, settings, used, **held, nodes=nodes)
        files = files_plan(config, settings, used, available.storage_gb_s * 1e9, **held, nodes=nodes)
    except (KeyError, ValueError) as error:
        return TrainingNeed(entry, None, f"{settings.student}: {error}", room)
    host_room = available.host_gib * GIB if available.host_gib is not None and used.gpus_per_worker else None
    need = TrainingNeed(entry, memory, "", room, host, host_room, files)
    if need.fits:
        return need
    remedies = proposals(config, settings, used, room, **held, nodes=nodes, host_limit=host_room)
    return replace(need, remedies=tuple(remedies))


def _nodes(used: TrainResources, available: Available) -> int:
    """Machines that the workers are on, if they fill one after the other."""
    each = available.gpus / available.nodes
    if not used.gpus_per_worker or not each:
        return 1
    return min(available.nodes, math.ceil(used.workers * used.gpus_per_worker / each))


def _fewest(used: TrainResources) -> TrainResources:
    """With the fewest workers that the training may continue with: each then holds the most."""
    return used.with_workers(used.fewest)


def _room(entry: TrainEntry, available: Available) -> float | None:
    used = _fewest(entry.resources)
    if used.gpus_per_worker:
        return None if available.gpu_gib is None else available.gpu_gib * GIB * used.gpus_per_worker
    return None if available.memory_gib is None else available.memory_gib * GIB / used.workers


def _config_of(model: ModelSettings | None) -> tuple[dict[str, Any] | None, str]:
    """A model's config, from its directory or, for a Hugging Face name, from the published ones known here; or why
    there is none."""
    if not isinstance(model, VLLMModel | ClassifierModel):
        return None, "a model without local weights"
    return known_config(model.path), f"{model.path} has no config.json on this machine"
