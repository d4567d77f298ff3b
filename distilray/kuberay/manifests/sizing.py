"""The node groups that a recipe's demands need: one of CPUs, and one of each type of GPUs.

cpu, h100 = sized(recipe, settings).groups
h100              # NodeGroup(name="gpu-h100-8", accelerator="H100", gpus=8, cpus=32, memory_gib=320, ..., most=2)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from distilray.errors import counted
from distilray.kuberay.manifests.demands import Demand, Piece, accelerators, demands, host_gib, scratch_gib
from distilray.kuberay.manifests.settings import CannotRender, Machine, RenderSettings, object_name
from distilray.planning import Available, Nodes, Plan, plan
from distilray.recipe import Recipe

CPU = "cpu"
DRIVER_CPUS = 1
FEWEST_CPUS = 4
CPUS_PER_GPU = 4
GIB_PER_CPU = 4
SPARE = 1.25
"""Of memory: what Ray's own processes and the page cache take beside it."""
STORE_SHARE = 0.3
"""Of a node's memory that Ray's object store may take; it lies in /dev/shm."""
SCRATCH_GIB = 50
"""Logs, spilled objects, what tasks of global steps spill."""


@dataclass(frozen=True)
class NodeGroup:
    """Alike nodes that a cluster may have."""

    name: str
    cpus: int
    memory_gib: int
    scratch_gib: int
    least: int
    most: int
    gpus: int = 0
    accelerator: str = ""
    """The type of the GPUs as Ray names it; empty: any."""

    @property
    def count(self) -> str:
        """``1 node``, ``0 to 2 nodes``."""
        return counted(self.least, "node") if self.least == self.most else f"{self.least} to {self.most} nodes"

    @property
    def shm_gib(self) -> int:
        return max(1, int(self.memory_gib * STORE_SHARE))

    def nodes(self, count: int) -> tuple[Nodes, ...]:
        return (Nodes(count, self.cpus, self.gpus, self.accelerator),) if count else ()


@dataclass(frozen=True)
class Sized:
    """A recipe's nodes."""

    groups: tuple[NodeGroup, ...]
    """That of CPUs first."""
    available: Available
    """The same as a plan takes it."""
    plan: Plan

    @property
    def scales(self) -> bool:
        """Whether there is anything for an autoscaler to do."""
        return any(group.most > group.least for group in self.groups)


@dataclass
class _Node:
    """A node that is filled."""

    free: float
    cpus: float = 0.0
    memory_gib: float = 0.0


def sized(recipe: Recipe, settings: RenderSettings) -> Sized:
    """The groups on which the recipe's plan fits, and that plan.

    Raises :class:`~distilray.recipe.RecipeError` where it fits on no number of such machines, :class:`CannotRender` for
    settings that make no sense.
    """
    named = accelerators(recipe)
    default = _default_type(named, settings)
    machines = {kind: settings.machine(kind) for kind in sorted({*named, default})}
    asked = demands(recipe, default, _of(machines))
    used = {piece.accelerator for demand in asked for piece in demand.most if piece.gpus}
    if settings.machines and not used:
        raise CannotRender("--machines: the recipe asks for no GPU; set gpus of its models, or leave --machines out")
    fixed = not settings.scales or any(model.replicas == "auto" for model in recipe.models.values())
    gpu_groups = [_gpu_group(recipe, asked, kind, machines[kind], fixed) for kind in sorted(used)]
    groups = [_cpu_group(recipe, asked, settings), *gpu_groups]
    there = available(groups, [machines[kind] for kind in sorted(used)])
    planned = plan(recipe, "render", there, data=False)
    return Sized(tuple(groups), there, planned)


def available(groups: Sequence[NodeGroup], machines: Sequence[Machine]) -> Available:
    """What a cluster of ``groups`` has when its driver begins, and what may join."""
    there = tuple(nodes for group in groups for nodes in group.nodes(group.least))
    may_join = tuple(nodes for group in groups for nodes in group.nodes(group.most - group.least))
    with_gpus = [group for group in groups if group.gpus]
    return Available(
        cpus=sum(nodes.count * nodes.cpus for nodes in there),
        gpus=sum(nodes.count * nodes.gpus for nodes in there),
        memory_gib=sum(group.memory_gib * group.most for group in groups),
        gpu_gib=min((machine.gpu_gib for machine in machines), default=None),
        nodes=max(1, sum(group.most for group in with_gpus)),
        host_gib=min((machine.host_gib for machine in machines), default=None),
        there=there,
        autoscales=bool(may_join),
        may_join=may_join,
    )


def pack(pieces: Iterable[Piece], room: float, size: Callable[[Piece], float]) -> list[_Node]:
    """``pieces`` on as few nodes with ``room`` as first fit, the largest first, finds. A piece that is larger than a
    node gets one to itself: the plan refuses it with its name."""
    nodes: list[_Node] = []
    for piece in sorted(pieces, key=size, reverse=True):
        taken = next((node for node in nodes if node.free + 1e-6 >= size(piece)), None)
        if taken is None:
            nodes.append(taken := _Node(room))
        taken.free -= size(piece)
        taken.cpus += piece.cpus
        taken.memory_gib += piece.memory_gib
    return nodes


def _default_type(named: set[str], settings: RenderSettings) -> str:
    """The type of GPUs of what names none: the one that is named; empty: any."""
    given = settings.types()
    if not named and len(given) == 1:
        return given.pop()
    if unknown := given - named:
        asked = f"asks for {', '.join(sorted(named))}" if named else "asks for none"
        raise CannotRender(
            f"--machines: {', '.join(sorted(unknown))}: the recipe {asked} as accelerator_type; "
            "leave the type out for GPUs of any type"
        )
    return next(iter(named)) if len(named) == 1 else ""


def _packed(pieces: Iterable[Piece], kind: str, gpus: int) -> list[_Node]:
    """Those of ``pieces`` that ask for GPUs of the type ``kind``, on nodes with ``gpus``."""
    mine = [piece for piece in pieces if piece.gpus and piece.accelerator == kind]
    return pack(mine, gpus, lambda piece: piece.gpus)


def _of(machines: dict[str, Machine]) -> Available:
    """One machine of each type, for what trainings need: their memory does not depend on how many there are."""
    host = min(machine.host_gib for machine in machines.values())
    gpu = min(machine.gpu_gib for machine in machines.values())
    gpus = max(machine.gpus for machine in machines.values())
    return Available(cpus=1e6, gpus=gpus * 1e6, gpu_gib=gpu, nodes=1_000_000, host_gib=host)


def _gpu_group(recipe: Recipe, asked: Sequence[Demand], kind: str, machine: Machine, fixed: bool) -> NodeGroup:
    filled = [_packed(demand.most, kind, machine.gpus) for demand in asked]
    nodes = [node for each in filled for node in each]
    most = machine.count or max(len(each) for each in filled)
    there = Available(1e6, machine.gpus * most, gpu_gib=machine.gpu_gib, nodes=most, host_gib=machine.host_gib)
    memory = SPARE * max([host_gib(recipe, there), *(node.memory_gib for node in nodes)])
    cpus = max([machine.gpus * CPUS_PER_GPU, *(math.ceil(node.cpus) + 1 for node in nodes)])
    return NodeGroup(
        name=f"gpu-{object_name(kind) + '-' if kind else ''}{machine.gpus}",
        cpus=cpus,
        memory_gib=min(_rounded(memory), int(machine.host_gib)),
        scratch_gib=SCRATCH_GIB + math.ceil(2 * scratch_gib(recipe, there)),
        least=most if fixed else 0,
        most=most,
        gpus=machine.gpus,
        accelerator=kind,
    )


def _cpu_group(recipe: Recipe, asked: Sequence[Demand], settings: RenderSettings) -> NodeGroup:
    """Nodes of at most the size that the settings name, smaller where the recipe needs less. The driver is on one of
    them, beside everything that holds no GPU."""
    largest, largest_gib = settings.cpus_and_gib()
    loads = [
        (
            [*_without_gpus(demand.least), *_loose(demand.least_cpus)],
            [*_without_gpus(demand.most), *_loose(demand.most_cpus)],
        )
        for demand in asked
    ]
    needed = max((sum(piece.cpus for piece in least) for least, _ in loads), default=0) + DRIVER_CPUS
    cpus = min(largest, max(FEWEST_CPUS, math.ceil(needed)))
    filled = [[pack(pieces, cpus - DRIVER_CPUS, lambda piece: piece.cpus) for pieces in load] for load in loads]
    memory = max((node.memory_gib for load in filled for nodes in load for node in nodes), default=0)
    memory = SPARE * (memory + recipe.resources.memory_limit_gib + GIB_PER_CPU)
    least, most = (max((len(load[k]) for load in filled), default=1) or 1 for k in (0, 1))
    group = NodeGroup(
        name=CPU,
        cpus=cpus,
        memory_gib=min(largest_gib, _rounded(max(memory, cpus * GIB_PER_CPU))),
        scratch_gib=SCRATCH_GIB,
        least=1,
        most=max(most, least),
    )
    return group if settings.scales else replace(group, least=group.most)


def _without_gpus(pieces: Iterable[Piece]) -> list[Piece]:
    return [piece for piece in pieces if not piece.gpus]


def _loose(cpus: float) -> list[Piece]:
    """Row runners and tasks, a CPU at most each."""
    whole = [Piece(1.0, 0, "", 1.0)] * int(cpus)
    return [*whole, Piece(cpus - int(cpus), 0, "", 1.0)] if cpus > int(cpus) else whole


def _rounded(gib: float) -> int:
    """Up to a multiple of four."""
    return 4 * math.ceil(gib / 4)
