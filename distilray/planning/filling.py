"""How many engines ``replicas: auto`` stands for: as many as fill the GPUs that a phase has beside its other models."""

from __future__ import annotations

from collections.abc import Mapping

from distilray.models import ModelSettings
from distilray.planning.residency import Available, needs, runner_cpus
from distilray.runner import Resources

Node = dict[str, float]


def filled(models: Mapping[str, ModelSettings], resources: Resources, available: Available) -> dict[str, ModelSettings]:
    """``models``, which are resident together, with a number in place of each ``auto``.

    One engine of each, and then one more at a time of the model that has the fewest GPUs, while there is a place for
    it on a node. Models without GPUs stay at one, as do those for whose engines no further place is found.
    """
    auto = {name for name, model in models.items() if model.replicas == "auto"}
    if not auto:
        return dict(models)
    free = _nodes(available)
    sizes = {name: sum(bundle.get("GPU", 0) for bundle in model.bundles()) for name, model in models.items()}
    for name in sorted(models, key=sizes.__getitem__, reverse=True):
        for _ in range(models[name].least_replicas):
            _take(free, models[name])
    found = {
        name: model.model_copy(update={"replicas": 1}) if name in auto else model for name, model in models.items()
    }
    growing = {name for name in auto if sizes[name]}
    while growing:
        name = min(sorted(growing), key=lambda name: sizes[name] * found[name].least_replicas)
        more = found[name].model_copy(update={"replicas": found[name].least_replicas + 1})
        cpus = needs({**found, name: more})["CPU"] + runner_cpus({**found, name: more}, resources)
        if cpus <= available.cpus + 1e-6 and _take(free, more):
            found[name] = more
        else:
            growing.remove(name)
    return found


def _nodes(available: Available) -> list[Node]:
    """What each node has; all together as one where the nodes are not known."""
    if not available.there:
        return [{"GPU": available.gpus, "CPU": available.cpus}]
    return [{"GPU": node.gpus, "CPU": node.cpus} for node in available.there for _ in range(node.count)]


def _take(free: list[Node], model: ModelSettings) -> bool:
    """Takes what one engine needs from the nodes that it leaves fullest; False where there is no place for it."""
    before = [dict(node) for node in free]
    for bundle in model.bundles():
        fitting = [node for node in free if all(node.get(name, 0) + 1e-6 >= need for name, need in bundle.items())]
        if not fitting:
            free[:] = before
            return False
        fullest = min(fitting, key=lambda node: node["GPU"])
        for name, need in bundle.items():
            fullest[name] -= need
    return True
