"""What a training takes of each of its machines: the host's memory, and the time that its files take.

Bytes of the machine that holds the most, with P the student's parameters:

* loading. Under FSDP2 the first worker alone reads the student (``4P``: fp32 masters; with adapters, frozen weights in
  the compute precision) and sends the others their shards; under ZeRO-3 it holds the files as they are. Under DDP and
  ZeRO-2 every worker reads all of it. A reference or a teacher is read while the student is still there, one at a time;
* with ``offload``, masters, gradients and moments of all its workers, ``16P`` over all machines;
* the export: the first worker gathers the weights in the precision that they are written in; with adapters it reads the
  student in that precision, to merge them.

A checkpoint to resume from holds what is trained in fp32 and AdamW's two moments, ``12P``, or twelve bytes for each
number of the adapters; DeepSpeed adds weights in the compute precision. Under DDP the first machine writes it,
elsewhere every machine its share, all at ``storage`` bytes a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from distilray.train.memory.estimate import ALIKE, GIB, Costs, memory_plan, reference_width, shape_of
from distilray.train.memory.shape import BF16, FP32, Shape
from distilray.train.memory.state import Layout, state_of
from distilray.train.settings import TrainResources, TrainSettings

GPU_WORKER = 3 * GIB
"""Resident memory of a worker on a GPU that has imported its libraries and made a CUDA context. Not measured here."""
DECIMAL_GB = 10**9


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Bytes of the memory of the machine that needs most."""

    processes: int
    """Libraries of all its workers; on CPUs all that they hold."""
    loading: int
    """Weights as they are read, before they are on the GPUs."""
    offloaded: int
    exporting: int

    @property
    def total(self) -> int:
        return self.processes + max(self.loading, self.exporting) + self.offloaded

    def gib(self) -> dict[str, float]:
        """Every part and the total, GiB, rounded."""
        return {name: round(value / GIB, 2) for name, value in {**asdict(self), "total": self.total}.items()}


@dataclass(frozen=True, slots=True)
class FilesPlan:
    """Bytes that a training reads and writes, and the seconds that each takes."""

    read: int
    """The student's files, and those of models in the same workers."""
    checkpoint: int
    export: int
    read_s: float
    checkpoint_s: float
    export_s: float

    def gb(self) -> dict[str, float]:
        """Sizes in GB (decimal) and seconds, rounded."""
        sizes = {name: round(getattr(self, name) / DECIMAL_GB, 2) for name in ("read", "checkpoint", "export")}
        return sizes | {name: round(getattr(self, name), 1) for name in ("read_s", "checkpoint_s", "export_s")}


def host_plan(
    config: Mapping[str, Any],
    settings: TrainSettings,
    resources: TrainResources,
    *,
    beside: Sequence[Mapping[str, Any]] = (),
    costs: Costs = ALIKE,
    nodes: int = 1,
) -> HostPlan:
    """What each of the ``nodes`` machines needs over which the workers are spread."""
    local = math.ceil(resources.workers / nodes)
    if not resources.gpus_per_worker:
        memory = memory_plan(config, settings, resources, beside=beside, costs=costs)
        return HostPlan(local * memory.total, 0, 0, 0)
    shape, layout = shape_of(config, costs), Layout.of(settings, resources)
    state = state_of(shape, settings, layout)
    return HostPlan(
        processes=local * GPU_WORKER,
        loading=_loading(shape, settings, layout, local, [Shape.of(model) for model in beside], costs),
        offloaded=local * (state.weights + 3 * state.gradients) if settings.offload else 0,
        exporting=_exporting(shape, settings, _written(config)),
    )


def files_plan(
    config: Mapping[str, Any],
    settings: TrainSettings,
    resources: TrainResources,
    storage: float,
    *,
    beside: Sequence[Mapping[str, Any]] = (),
    costs: Costs = ALIKE,
    nodes: int = 1,
) -> FilesPlan:
    """What the training reads and writes, with ``storage`` bytes a second for each machine."""
    shape, width = shape_of(config, costs), Layout.of(settings, resources).width
    lora = settings.lora
    trained = shape.parameters if lora is None else shape.adapter_parameters(lora)
    checkpoint = 3 * FP32 * trained
    if settings.sharding.startswith("zero"):
        checkpoint += width * trained * (1 if settings.sharding == "zero3" else 2)
    read = sum(_written(model) * Shape.of(model).parameters for model in (config, *beside))
    export = _written(config) * (trained if lora is not None and not lora.merge else shape.parameters)
    writers = 1 if settings.sharding == "ddp" else nodes
    return FilesPlan(read, checkpoint, export, read / storage, checkpoint / writers / storage, export / storage)


def _loading(
    shape: Shape, settings: TrainSettings, layout: Layout, local: int, beside: Sequence[Shape], costs: Costs
) -> int:
    once = layout.sharded or layout.workers == 1
    readers = 1 if once else local
    width = FP32 if settings.lora is None else layout.width
    if settings.lora is not None and settings.lora.quantize:
        student = readers * layout.width * shape.embedding_parameters  # layers go to the GPU one by one
    elif once and layout.zero:
        student = BF16 * shape.parameters
    else:
        student = readers * width * shape.parameters
    reference = readers * reference_width(settings)
    others = [
        (reference if costs.reference else layout.width) * other.parameters for other in beside
    ]  # teachers are always read by one worker
    first = reference * shape.parameters if costs.reference_first else 0
    return max(student + max(others, default=0), first)


def _exporting(shape: Shape, settings: TrainSettings, written: int) -> int:
    lora = settings.lora
    if lora is None:
        return written * shape.parameters
    adapters = FP32 * shape.adapter_parameters(lora)
    return adapters + (written * shape.parameters if lora.merge else 0)


def _written(config: Mapping[str, Any]) -> int:
    """Bytes per number of a checkpoint's files; bf16 where its config does not say."""
    return FP32 if "float32" in str(config.get("dtype") or config.get("torch_dtype")) else BF16
