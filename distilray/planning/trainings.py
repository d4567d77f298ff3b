"""The memory that each training of a recipe needs on each of its workers, and whether the machines have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distilray.checkpoints import known_config
from distilray.models import ClassifierModel, ModelSettings, VLLMModel
from distilray.planning.residency import Available
from distilray.recipe import Problem, Recipe, TrainEntry
from distilray.train import (
    CannotTrain,
    MemoryPlan,
    TrainResources,
    check_shared_attention,
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
    remedies: tuple[tuple[str, MemoryPlan], ...] = ()
    """Changes that would make it fit, if it does not."""

    @property
    def fits(self) -> bool:
        return self.memory is None or self.room is None or self.memory.total <= self.room


def training_needs(recipe: Recipe, available: Available) -> list[TrainingNeed]:
    """The needs of every training of the recipe, in order."""
    return [_need(entry, recipe.models, available) for entry in recipe.all_trainings()]


def training_problems(recipe: Recipe, available: Available) -> list[Problem]:
    """Trainings that do not fit, with the changes that would make them fit."""
    problems = []
    for need in training_needs(recipe, available):
        entry, used = need.entry, need.entry.resources
        config, _ = _config_of(recipe.models.get(entry.settings.student))
        if config is not None and used.sequence_parallel > 1:
            try:
                check_shared_attention(config, used.sequence_parallel, entry.settings.student)
            except CannotTrain as error:
                problems.append(Problem((*entry.place, "resources", "sequence_parallel"), str(error)))
        cpus, gpus = used.fewest * used.cpus_per_worker, used.fewest * used.gpus_per_worker
        if cpus > available.cpus + 1e-6 or gpus > available.gpus + 1e-6:
            text = (
                f"training {entry.name!r} cannot fit: its {used.fewest} workers need {cpus:g} CPUs and {gpus:g} GPUs, "
                f"but there are {available.cpus:g} CPUs and {available.gpus:g} GPUs; lower workers, or add nodes"
            )
            problems.append(Problem((*entry.place, "resources"), text))
        elif not need.fits:
            problems.append(Problem(entry.place, _refusal(need)))
    return problems


def _refusal(need: TrainingNeed) -> str:
    assert need.memory is not None and need.room is not None
    used, parts = need.entry.resources, need.memory.gib()
    names = ("weights", "gradients", "optimizer", "gathered", "activations", "logits", "beside", "overhead")
    detail = ", ".join(f"{name} {parts[name]:g}" for name in names if parts[name])
    what = "GPU" if used.gpus_per_worker else "share of the memory"
    text = (
        f"training {need.entry.name!r} cannot fit: each worker needs about {parts['total']:.1f} GiB at its peak "
        f"({detail}), its {what} has {need.room / GIB:.1f} GiB. "
    )
    if not need.remedies:
        return text + "No setting of this training makes it fit: take more workers, larger GPUs or a smaller student"
    fitting = "; or ".join(f"{words} ({plan.total / GIB:.1f} GiB)" for words, plan in need.remedies[:4])
    return text + f"What would fit: {fitting}"


def _need(entry: TrainEntry, models: Mapping[str, ModelSettings], available: Available) -> TrainingNeed:
    settings, used = entry.settings, _fewest(entry.resources)
    room = _room(entry, available)
    config, unknown = _config_of(models.get(settings.student))
    if config is None:
        return TrainingNeed(entry, None, unknown, room)
    costs, others = entry.method.costs(settings), []
    for name in costs.beside:
        other, unknown = _config_of(models.get(name))
        if other is None:
            return TrainingNeed(entry, None, unknown, room)
        others.append(other)
    try:
        memory = memory_plan(config, settings, used, beside=others, costs=costs)
    except (KeyError, ValueError) as error:
        return TrainingNeed(entry, None, f"{settings.student}: {error}", room)
    remedies: list[tuple[str, MemoryPlan]] = []
    if room is not None and memory.total > room:
        remedies = proposals(config, settings, used, int(room), beside=others, costs=costs)
    return TrainingNeed(entry, memory, "", room, tuple(remedies))


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
