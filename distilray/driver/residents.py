"""Which engines stay up from one stage to the next: those that are asked again, as long as there is room for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType

from distilray.models import ClassifierModel, ModelSettings, VLLMModel
from distilray.planning import (
    Available,
    RepeatStage,
    Stage,
    TrainingStage,
    engine_gib,
    filled,
    fit_together,
    needs,
    runner_cpus,
    serves,
    to_release,
    training_needs,
)
from distilray.recipe import Recipe, TrainEntry
from distilray.runner import Context, Phase, Residency

GLOBAL_STEP_CPUS = 1.0
"""What engines leave to a global step, which runs in tasks of Ray."""
Models = Mapping[str, ModelSettings]


class Residents:
    """The engines of a run. A context manager that stops them."""

    def __init__(self, context: Context, recipe: Recipe, available: Available) -> None:
        self.pools = Residency(context)
        self.recipe, self.available = recipe, available
        self.ahead: Sequence[Models] = ()
        """What the phases ask that come after the present stage, in order."""

    def filled(self, phases: Sequence[Phase]) -> list[Phase]:
        """``phases``, which start their engines together, with numbers in place of ``replicas: auto``: those of engines
        that run already, if all others fit beside them."""
        models = {name: model for phase in phases for name, model in phase.models.items()}
        running = {name: model for name, model in self.pools.running.items() if serves(model, models.get(name))}
        if fit_together({**models, **running}, self.recipe.resources, self.available):
            models |= running
        found = filled(models, self.recipe.resources, self.available)
        return [replace(phase, models={name: found[name] for name in phase.models}) for phase in phases]

    def for_phases(self, phases: Sequence[Phase]) -> Residency:
        """The pools, with room for all engines of ``phases``, which follow one another and start theirs together."""
        models = {name: model for phase in phases for name, model in phase.models.items()}
        self.pools.together = models
        cpus = max(runner_cpus(phase.models, self.recipe.resources) for phase in phases)
        self._release(models, lambda kept: self._fits(kept, cpus))
        return self.pools

    def for_training(self, entry: TrainEntry) -> None:
        """Makes room for a training."""
        self.pools.together = {}
        self.pools.release(self.in_the_way(entry, self.pools.running))

    def for_workers(self, entry: TrainEntry) -> None:
        """Makes room for a training's workers, once the engines that it asks have answered."""
        workers = self._workers(entry)
        self._release({}, lambda kept: self._fits(kept, *workers))

    def in_the_way(self, entry: TrainEntry, running: Models) -> list[str]:
        """Which engines of ``running`` have to go before a training: its student's, those of models that it loads or
        whose engines it starts itself, and others until these and its workers fit."""
        own = {*entry.method.models(entry.settings), entry.settings.student}
        asked = needs({name: self.recipe.models[name] for name in entry.method.models(entry.settings)})
        cpus, gpus, gib = self._workers(entry)
        others = {name: model for name, model in running.items() if name not in own}
        gone = to_release(
            others, {}, self.ahead, lambda kept: self._fits(kept, cpus + asked["CPU"], gpus + asked["GPU"], gib)
        )
        stay = asked_by_training(entry, self.recipe)
        return [*(name for name in running if name in own and running[name] != stay.get(name)), *gone]

    def _workers(self, entry: TrainEntry) -> tuple[float, float, float]:
        """CPUs, GPUs and, on CPUs, GiB of memory that a training's workers take."""
        used = entry.resources
        gib = 0.0 if used.gpus_per_worker else self._training_gib(entry)
        return used.workers * used.cpus_per_worker, used.workers * used.gpus_per_worker, gib

    def for_global_step(self) -> None:
        """Leaves a global step its CPUs."""
        self._release({}, lambda kept: self._fits(kept, GLOBAL_STEP_CPUS))

    def release_unused(self) -> None:
        """Stops engines that nobody asks any more."""
        self._release({}, lambda kept: True)

    def _release(self, needed: Models, fits: Callable[[Models], bool]) -> None:
        self.pools.release(to_release(self.pools.running, needed, self.ahead, fits))

    def _fits(self, models: Models, cpus: float, gpus: float = 0.0, gib: float | None = None) -> bool:
        need, there = needs(models), self.available
        if need["CPU"] + cpus > there.cpus + 1e-6 or need["GPU"] + gpus > there.gpus + 1e-6:
            return False
        if gib is None or there.memory_gib is None:
            return True
        return gib + sum(_engines_gib(model) for model in models.values()) <= there.memory_gib

    def _training_gib(self, entry: TrainEntry) -> float:
        """Memory that a training on CPUs takes; infinite if it is unknown."""
        need = next(need for need in training_needs(self.recipe, self.available) if need.entry.name == entry.name)
        return math.inf if need.memory is None else need.memory.total * entry.resources.workers / 2**30

    def __enter__(self) -> Residents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pools.__exit__(kind, error, trace)


def asked_by(stages: Iterable[Stage], recipe: Recipe) -> list[Models]:
    """The models whose engines each phase and each training of ``stages`` asks, in order; those in rounds once."""
    found: list[Models] = []
    for stage in stages:
        if isinstance(stage, Phase):
            found.append(stage.models)
        elif isinstance(stage, TrainingStage):
            found.append(asked_by_training(stage.entry, recipe))
        elif isinstance(stage, RepeatStage):
            found += asked_by(stage.body, recipe)
    return found


def asked_by_training(entry: TrainEntry, recipe: Recipe) -> Models:
    """The models of ``recipe`` whose engines a training asks before its workers start."""
    return {name: recipe.models[name] for name in sorted(entry.method.asks_engines(entry.settings))}


def asked_after(recipe: Recipe, trainings: int = 0) -> list[Models]:
    """The models that are asked after the steps of ``recipe``, and after so many of the ``trainings`` behind them."""
    left = [asked_by_training(entry, recipe) for entry in recipe.train[trainings:]]
    return [*left, *asked_by_evaluations(recipe)]


def asked_by_evaluations(recipe: Recipe) -> list[Models]:
    """The models that each benchmark of ``recipe`` asks, apart from its students before and after training."""
    return [
        {name: recipe.models[name] for name in (*benchmark.models, *benchmark.judges()) if name in recipe.models}
        for benchmark in recipe.evaluate
    ]


def _engines_gib(model: ModelSettings) -> float:
    """The machine's own memory that the engines of ``model`` take; infinite if it is unknown."""
    if isinstance(model, VLLMModel | ClassifierModel) and model.gpus:
        return 0.0
    each = engine_gib(model)
    return math.inf if each is None else each * model.least_replicas
