"""What a user says about the cluster that manifests are written for; all of it has a default."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from distilray import __version__
from distilray.errors import InputError
from distilray.planning import gpu_gib_of, parse_machines

LONGEST_NAME = 28
"""With ``-nightly`` it has to be one of a RayCronJob, at most 36 characters."""
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
TYPED = re.compile(r"(?:([A-Za-z][\w-]*)=)?(.+)", re.S)
SELECTOR = re.compile(r"(?:([A-Za-z][\w-]*):)?([\w./-]+)=([\w.-]+)")
GPUS, GPU_GIB, HOST_SHARE = 8, 80.0, 2
"""Of the machines that a recipe is rendered for where nothing is said: eight GPUs of 80 GiB each, and twice their
memory in the machine, as ``distilray plan --machines 8x80`` takes it."""


class CannotRender(InputError):
    """A recipe, or a setting, of which no manifests can be made; the text says why and what to do."""


@dataclass(frozen=True)
class Machine:
    """A type of machines with GPUs."""

    gpus: int
    gpu_gib: float
    host_gib: float
    count: int | None = None
    """How many there are; None: as many as the recipe needs."""


@dataclass(frozen=True)
class RenderSettings:
    """Settings of :func:`~distilray.kuberay.render`."""

    run: str | None = None
    """The run's directory, a path below ``/runs`` or a URI; default: ``/runs/NAME``."""
    name: str | None = None
    """What the objects are called; default: made of the recipe's name."""
    machines: tuple[str, ...] = ()
    """Machines as ``distilray plan --machines`` takes them, each for GPUs of a type: ``8x80``, ``H100=2x8x80``."""
    cpu_node: str = "16x64"
    """CPUs and GiB of the largest node without GPUs."""
    image: str = f"distilray-cpu:{__version__}"
    gpu_image: str = f"distilray-gpu:{__version__}"
    namespace: str | None = None
    queue: str | None = None
    """A LocalQueue of Kueue."""
    storage_class: str | None = None
    storage_gib: int = 1024
    """Of each volume, for runs and for weights."""
    selectors: tuple[str, ...] = ()
    """Labels of nodes with GPUs: ``KEY=VALUE``, or ``H100:KEY=VALUE`` for GPUs of a type."""
    hours: float = 72.0
    """That steps and trainings are expected to take; ``distilray plan --pilot`` predicts those of the steps."""
    retries: int = 3
    nightly: str | None = None
    """A schedule of cron, on which the student is evaluated."""
    time_zone: str = "Etc/UTC"
    autoscale: bool = True

    @property
    def scales(self) -> bool:
        """Whether Ray's autoscaler starts nodes: Kueue admits a job with all of its nodes."""
        return self.autoscale and self.queue is None

    def machine(self, accelerator: str) -> Machine:
        """The machines whose GPUs are of the type ``accelerator``; empty: of any. Raises :class:`CannotRender`."""
        given = {kind: words for kind, words in map(_typed, self.machines)}
        words = given.get(accelerator, given.get(""))
        if words is None:
            gib = gpu_gib_of([f"accelerator_type:{accelerator}"]) or GPU_GIB
            return Machine(GPUS, gib, HOST_SHARE * GPUS * gib)
        try:
            found = parse_machines(words)
        except ValueError as error:
            raise CannotRender(f"--machines: {error}") from error
        assert found.gpu_gib is not None and found.host_gib is not None
        return Machine(int(found.gpus) // found.nodes, found.gpu_gib, found.host_gib, found.nodes)

    def types(self) -> set[str]:
        """The types of GPUs that ``machines`` names."""
        return {kind for kind, _ in map(_typed, self.machines) if kind}

    def cpus_and_gib(self) -> tuple[int, int]:
        """Of the largest node without GPUs. Raises :class:`CannotRender`."""
        found = re.fullmatch(r"(\d+)x(\d+)", self.cpu_node)
        if found is None or int(found[1]) < 2 or int(found[2]) < 4:
            raise CannotRender(
                f"--cpu-node: {self.cpu_node!r} is not CPUs x GiB; write for example 16x64, at least 2x4"
            )
        return int(found[1]), int(found[2])

    def labels_of(self, accelerator: str) -> dict[str, str]:
        """Labels of the nodes with GPUs of the type. Raises :class:`CannotRender`."""
        labels = {}
        for text in self.selectors:
            found = SELECTOR.fullmatch(text)
            if found is None:
                raise CannotRender(
                    f"--node-selector: {text!r} is no label; write KEY=VALUE, or TYPE:KEY=VALUE for GPUs of a type: "
                    "H100:nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3"
                )
            if found[1] in (None, accelerator):
                labels[found[2]] = found[3]
        return labels

    def object_name(self, recipe: str) -> str:
        """The name of the objects for a recipe of the name ``recipe``. Raises :class:`CannotRender`."""
        if self.name is None:
            return object_name(recipe)
        if not NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise CannotRender(
                f"--name: {self.name!r} cannot name objects; use at most {LONGEST_NAME} lower-case letters, digits and "
                "'-', beginning with a letter"
            )
        return self.name


def _typed(words: str) -> tuple[str, str]:
    """``H100=2x8x80`` as ``("H100", "2x8x80")``; the type is empty where none is given."""
    found = TYPED.fullmatch(words)
    return (found[1] or "", found[2]) if found else ("", words)


def object_name(name: str) -> str:
    """``name`` as Kubernetes names things: ``distilqwen2.5-ds3-7b`` becomes ``distilqwen2-5-ds3-7b``. What is too long
    keeps its beginning and gets six digits of its hash."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"run-{plain}".strip("-")
    if len(plain) <= LONGEST_NAME:
        return plain
    mark = hashlib.blake2b(name.encode(), digest_size=3).hexdigest()
    return f"{plain[: LONGEST_NAME - len(mark) - 1].rstrip('-')}-{mark}"
