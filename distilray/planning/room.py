"""Fewer engines of models that are resident together, where there is no room for as many as their pools should have."""

from __future__ import annotations

from collections.abc import Mapping

from distilray.models import ModelSettings, Replicas
from distilray.planning.residency import Available, comes, fit_together
from distilray.runner import Resources


def with_room(
    models: Mapping[str, ModelSettings], resources: Resources, available: Available
) -> dict[str, ModelSettings]:
    """``models`` as they are if they :func:`have_room`; otherwise with engines less, one at a time, of the model that
    holds most, until they have. One engine of each is left in any case."""
    found = dict(models)
    while not have_room(found, resources, available):
        held = {name: _held(model) for name, model in found.items() if model.least_replicas > 1}
        if not held:
            return found
        name = max(sorted(held), key=held.__getitem__)
        found[name] = _one_less(found[name])
    return found


def have_room(models: Mapping[str, ModelSettings], resources: Resources, available: Available) -> bool:
    """Whether ``models`` fit together on what is there or may join; with an autoscaler whose nodes are not known,
    always."""
    return fit_together(models, resources, available) or comes(models, resources, available)


def _held(model: ModelSettings) -> tuple[float, float]:
    """GPUs and CPUs of its engines."""
    bundles = model.bundles() * model.least_replicas
    gpus, cpus = (sum(bundle.get(what, 0) for bundle in bundles) for what in ("GPU", "CPU"))
    return gpus, cpus


def _one_less(model: ModelSettings) -> ModelSettings:
    number = model.least_replicas - 1
    given = model.replicas
    fewer = Replicas(min=number, max=given.max) if isinstance(given, Replicas) else number
    return model.model_copy(update={"replicas": fewer})
