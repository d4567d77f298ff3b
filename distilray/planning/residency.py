"""Which models' engines fit on a cluster at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from distilray.errors import counted
from distilray.models import ModelSettings
from distilray.runner import Resources, size

T = TypeVar("T")

STORAGE_GB_S = 1.0
"""Assumed of storage whose speed is not given: a common network file system or bucket, one machine alone."""


@dataclass(frozen=True)
class Nodes:
    """Alike nodes: those that are there, or those that an autoscaler may start."""

    count: int
    cpus: float
    gpus: float = 0
    accelerator: str = ""
    """The type of its GPUs, as Ray names it; empty: unknown."""

    def holds(self, bundle: Mapping[str, float], accelerator: str | None) -> bool:
        """Whether an empty one has room for a piece of an engine."""
        suits = accelerator is None or not self.accelerator or not bundle.get("GPU") or accelerator == self.accelerator
        return suits and bundle.get("CPU", 0) <= self.cpus + 1e-6 and bundle.get("GPU", 0) <= self.gpus + 1e-6


@dataclass(frozen=True)
class Available:
    """What a cluster has, all nodes together."""

    cpus: float
    gpus: float
    memory_gib: float | None = None
    gpu_gib: float | None = None
    """Memory of the smallest GPU; None if unknown."""
    nodes: int = 1
    """Machines that have GPUs, or all if none has; they are taken to be alike."""
    host_gib: float | None = None
    """Memory of the smallest of those machines, in addition to its GPUs'; None if unknown."""
    storage_gb_s: float = STORAGE_GB_S
    """GB (10^9 bytes) that each machine reads from or writes to the run's storage in a second."""
    there: tuple[Nodes, ...] = ()
    """The nodes one by one, where they are known."""
    autoscales: bool = False
    """Whether something starts further nodes when they are asked for."""
    may_join: tuple[Nodes, ...] = ()
    """Those nodes, where it is known which."""

    def at_most(self) -> Available:
        """The same with all nodes that may join; those of an autoscaler of which nothing is known are not counted."""
        return replace(
            self,
            cpus=self.cpus + sum(nodes.count * nodes.cpus for nodes in self.may_join),
            gpus=self.gpus + sum(nodes.count * nodes.gpus for nodes in self.may_join),
            there=(*self.there, *self.may_join) if self.there or not (self.cpus or self.gpus) else (),
        )


def needs(models: Mapping[str, ModelSettings]) -> dict[str, float]:
    """CPUs and GPUs that pools of ``models`` reserve together, with their least numbers of engines."""
    bundles = [bundle for model in models.values() for bundle in model.bundles() * model.least_replicas]
    return {name: sum(bundle.get(name, 0) for bundle in bundles) for name in ("CPU", "GPU")}


def runner_cpus(models: Mapping[str, ModelSettings], resources: Resources) -> float:
    """CPUs that the row runners of a phase with ``models`` claim, at the least numbers of engines."""
    least = {name: model.model_copy(update={"replicas": model.least_replicas}) for name, model in models.items()}
    return size(resources, least, units=1 << 30).runners * resources.runner_cpus


def fit_together(models: Mapping[str, ModelSettings], resources: Resources, available: Available) -> bool:
    """Whether pools of all ``models`` and their row runners fit at the same time, on what is there or may join."""
    return _fit(models, resources, available.at_most())


def comes(models: Mapping[str, ModelSettings], resources: Resources, available: Available) -> bool:
    """Whether an autoscaler might bring what ``models`` need and is not there. One whose nodes are not known might
    bring anything."""
    if not available.autoscales or _fit(models, resources, available):
        return False
    return not available.may_join or fit_together(models, resources, available)


def _fit(models: Mapping[str, ModelSettings], resources: Resources, available: Available) -> bool:
    need = needs(models)
    cpus = need["CPU"] + runner_cpus(models, resources)
    if cpus > available.cpus + 1e-6 or need["GPU"] > available.gpus + 1e-6:
        return False
    return not available.there or all(
        any(nodes.holds(bundle, model.accelerator_type) for nodes in available.there)
        for model in models.values()
        for bundle in model.bundles()
    )


def described(available: Available) -> str:
    """What there is and what may join, for messages."""
    text = f"there are {counted(available.cpus, 'CPU')} and {counted(available.gpus, 'GPU')}"
    if len(available.there) > 1 or any(nodes.count > 1 for nodes in available.there):
        text += f" ({', '.join(map(_nodes, available.there))})"
    if available.may_join:
        text += f", and the autoscaler may bring {', '.join(map(_nodes, available.may_join))}"
    return text


def _nodes(nodes: Nodes) -> str:
    gpus = f" and {counted(nodes.gpus, 'GPU')}" if nodes.gpus else ""
    return f"{counted(nodes.count, 'node')} with {counted(nodes.cpus, 'CPU')}{gpus}" + (
        f" ({nodes.accelerator})" if nodes.accelerator else ""
    )


def not_there_yet(
    phases: Mapping[str, Mapping[str, ModelSettings]], resources: Resources, available: Available
) -> list[str]:
    """Which of the ``phases``, given by name with their models, wait for nodes that an autoscaler may bring."""
    found = []
    for name, models in phases.items():
        if not comes(models, resources, available):
            continue
        need, runners = needs(models), runner_cpus(models, resources)
        text = (
            f"phase {name} needs {counted(need['CPU'] + runners, 'CPU')} and {counted(need['GPU'], 'GPU')}, which are "
            f"not there yet: {described(available)}"
        )
        if not available.may_join:
            text += ". An autoscaler is asked for them when the phase begins; whether it can bring them is not known"
        found.append(text)
    return found


def grouped(
    items: Sequence[T],
    fits: Callable[[Sequence[T]], bool],
    fixed: Callable[[Sequence[T]], int | None] = lambda rest: None,
) -> Iterator[list[T]]:
    """``items`` in order, in groups: each has as many items as fit, and at least one even if it does not fit.

    ``fixed``: the size of the first group, where it was decided earlier.
    """
    rest = list(items)
    while rest:
        count = fixed(rest)
        if count is None:
            count = 1
            while count < len(rest) and fits(rest[: count + 1]):
                count += 1
        yield rest[:count]
        rest = rest[count:]


def serves(running: ModelSettings, wanted: ModelSettings | None) -> bool:
    """Whether engines of ``running`` are what ``wanted`` asks for, whose ``replicas: auto`` any number may serve."""
    if wanted is not None and wanted.replicas == "auto":
        running = running.model_copy(update={"replicas": "auto"})
    return running == wanted


def to_release(
    running: Mapping[str, ModelSettings],
    needed: Mapping[str, ModelSettings],
    ahead: Sequence[Mapping[str, ModelSettings]],
    fits: Callable[[Mapping[str, ModelSettings]], bool],
) -> list[str]:
    """Models of ``running`` whose engines have to go before those of ``needed`` start.

    Those that none of ``ahead`` asks again as they are, and then, until what is left fits, those that are asked again
    last (Belady 1966: it is the best that one can do who knows what comes).
    """

    def next_use(name: str) -> int:
        return next((k for k, models in enumerate(ahead) if serves(running[name], models.get(name))), len(ahead))

    stay = {name: model for name, model in running.items() if name not in needed and next_use(name) < len(ahead)}
    gone = [name for name in running if name not in stay and running[name] != needed.get(name)]
    for name in sorted(stay, key=next_use, reverse=True):
        if fits({**stay, **needed}):
            break
        del stay[name]
        gone.append(name)
    return gone
