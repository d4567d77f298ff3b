"""What each part of a run holds at once: the engines of a step or a benchmark, the workers of a training.

[answer, training] = demands(recipe, "H100", available)
answer.most       # [Piece(cpus=4, gpus=4, accelerator="H100", memory_gib=64), ...]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from distilray.models import ModelSettings
from distilray.planning import Available, TrainingNeed, engine_gib, evaluated, runner_cpus, training_needs
from distilray.recipe import Recipe, TrainEntry
from distilray.steps import Step

GIB = 2**30
GPU_HOST_GIB = 16.0
"""Memory of its own that a machine has for each GPU of an engine: pinned buffers, weights on their way, libraries."""
UNKNOWN_GIB = 8.0
"""Of an engine or a worker on CPUs whose model is not on this machine."""
TASK_CPUS = 1.0
"""Of the tasks beside the workers of a training."""


@dataclass(frozen=True)
class Piece:
    """What has to be on one node."""

    cpus: float
    gpus: float
    accelerator: str
    """The type of its GPUs; empty: any, or it has none."""
    memory_gib: float


@dataclass(frozen=True)
class Demand:
    """What is held at once, with the fewest and with the most engines or workers."""

    title: str
    least: tuple[Piece, ...]
    most: tuple[Piece, ...]
    least_cpus: float = 0.0
    """Of row runners and tasks, which may be on any node."""
    most_cpus: float = 0.0


def accelerators(recipe: Recipe) -> set[str]:
    """The types of GPUs that the recipe's models name."""
    return {model.accelerator_type for model in recipe.models.values() if model.accelerator_type}


def demands(recipe: Recipe, accelerator: str, available: Available) -> list[Demand]:
    """Of every step, training and benchmark of the recipe. ``accelerator``: the type of GPUs of what names none."""
    found = []
    models = recipe.all_models()
    for entry in recipe.all_steps():
        step = entry.named.step
        names = {name for chosen in step.models_used().values() for name in chosen} if isinstance(step, Step) else set()
        found.append(_asking(recipe, f"step {entry.name}", {name: models[name] for name in sorted(names)}, accelerator))
    found += [_training(recipe, need, accelerator) for need in training_needs(recipe, available)]
    for number, name, asked in evaluated(recipe):
        found.append(_asking(recipe, f"benchmark {recipe.evaluate[number].name} of {name}", asked, accelerator))
        fewest = {name: model.model_copy(update={"replicas": 1}) for name, model in asked.items()}
        found[-1] = replace(found[-1], least=tuple(_engines(fewest.values(), accelerator)))
    return found


def host_gib(recipe: Recipe, available: Available) -> float:
    """Memory that a machine with GPUs needs for the training that needs most, GiB; 0 where none is known."""
    needs = training_needs(recipe, available)
    return max(
        (need.host.total / GIB for need in needs if need.host and need.entry.resources.gpus_per_worker), default=0
    )


def scratch_gib(recipe: Recipe, available: Available) -> float:
    """Disk that a machine needs for the checkpoint and the student that are on their way to the run, GiB."""
    files = [need.files for need in training_needs(recipe, available) if need.files]
    return max((file.checkpoint + file.export for file in files), default=0) / GIB


def trained(recipe: Recipe) -> list[TrainEntry]:
    """The trainings of students that answer prompts, in order."""
    return [entry for entry in recipe.all_trainings() if entry.method.is_generative]


def _asking(recipe: Recipe, title: str, models: Mapping[str, ModelSettings], accelerator: str) -> Demand:
    most = {name: model.model_copy(update={"replicas": model.most_replicas}) for name, model in models.items()}
    return Demand(
        title,
        tuple(_engines(models.values(), accelerator)),
        tuple(_engines(most.values(), accelerator)),
        runner_cpus(models, recipe.resources),
        runner_cpus(most, recipe.resources),
    )


def _engines(models: Iterable[ModelSettings], accelerator: str) -> Iterator[Piece]:
    for model in models:
        for bundle in model.bundles() * model.least_replicas:
            gpus = bundle.get("GPU", 0)
            known = engine_gib(model)
            memory = GPU_HOST_GIB * max(gpus, 1) if gpus else (UNKNOWN_GIB if known is None else known)
            yield Piece(bundle["CPU"], gpus, (model.accelerator_type or accelerator) if gpus else "", memory)


def _training(recipe: Recipe, need: TrainingNeed, accelerator: str) -> Demand:
    used, models = need.entry.resources, recipe.all_models()
    if used.gpus_per_worker:
        worker = Piece(used.cpus_per_worker, used.gpus_per_worker, accelerator, GPU_HOST_GIB)
    else:
        worker = Piece(used.cpus_per_worker, 0, "", need.memory.total / GIB if need.memory else UNKNOWN_GIB)
    # Engines that score for it: a training holds them while it asks, so that at most all are up at once.
    asked = [models[name] for name in sorted(need.entry.method.models(need.entry.settings)) if name in models]
    engines = tuple(_engines(asked, accelerator))
    least, most = ((worker,) * count + engines for count in (used.fewest, used.workers))
    return Demand(f"training {need.entry.name}", least, most, TASK_CPUS, TASK_CPUS)
