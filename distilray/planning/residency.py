"""Which models' engines fit on a cluster at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from distilray.models import ModelSettings
from distilray.runner import Resources, size

T = TypeVar("T")

STORAGE_GB_S = 1.0
"""Assumed of storage whose speed is not given: a common network file system or bucket, one machine alone."""


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


def needs(models: Mapping[str, ModelSettings]) -> dict[str, float]:
    """CPUs and GPUs that pools of ``models`` reserve together, with their least numbers of engines."""
    bundles = [bundle for model in models.values() for bundle in model.bundles() * model.least_replicas]
    return {name: sum(bundle.get(name, 0) for bundle in bundles) for name in ("CPU", "GPU")}


def runner_cpus(models: Mapping[str, ModelSettings], resources: Resources) -> float:
    """CPUs that the row runners of a phase with ``models`` claim, at the least numbers of engines."""
    least = {name: model.model_copy(update={"replicas": model.least_replicas}) for name, model in models.items()}
    return size(resources, least, units=1 << 30).runners * resources.runner_cpus


def fit_together(models: Mapping[str, ModelSettings], resources: Resources, available: Available) -> bool:
    """Whether pools of all ``models`` and their row runners fit at the same time."""
    need = needs(models)
    cpus = need["CPU"] + runner_cpus(models, resources)
    return cpus <= available.cpus + 1e-6 and need["GPU"] <= available.gpus + 1e-6


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
        return next((k for k, models in enumerate(ahead) if models.get(name) == running[name]), len(ahead))

    stay = {name: model for name, model in running.items() if name not in needed and next_use(name) < len(ahead)}
    gone = [name for name in running if name not in stay and running[name] != needed.get(name)]
    for name in sorted(stay, key=next_use, reverse=True):
        if fits({**stay, **needed}):
            break
        del stay[name]
        gone.append(name)
    return gone
