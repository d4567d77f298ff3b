"""How much memory a training takes on each GPU, before anything is launched: plain arithmetic over a model's config.

What one worker holds, in bytes (P parameters, W workers that share them, N tokens of a micro batch, V the vocabulary):

* masters and AdamW's two moments, in fp32: ``4P`` and ``8P``, divided by W where they are sharded (FSDP2 and ZeRO-3:
  both; ZeRO-2: the moments; DDP: none). Gradients in fp32, ``4P``, sharded alike; DDP adds its buckets;
* weights in the compute precision: under FSDP2 and ZeRO-3 two layers (the next one is fetched ahead) and what
  belongs to no layer; elsewhere, in bf16, a copy of every layer, which lives from forward to backward;
* activations kept for the backward pass: the tensors that a pre-norm decoder with a gated MLP and fused attention
  saves, counted operation by operation (the method of Korthikanti et al. 2022, "Reducing activation recomputation",
  without the attention matrix). Checkpointing keeps each layer's input and one layer's activations;
* logits: a tile of ``min(N, 4096)`` by ``min(V, 32768)`` (TRL's fused head never has all of them), which on GPUs is
  turned into its gradient in place and on CPUs by way of fp32 copies; distillation, which compares whole distributions,
  has tiles of some positions by V, in several fp32 copies; the gradient of the head's whole matrix in fp32;
* a reference or a teacher in the same worker: its weights, and two of its layers whole where it is sharded;
* memory of libraries and the allocator.

They do not all exist at once, so the peak is the largest of these moments: a reference or a teacher reads, before the
student does; the loss (all activations and logits, and gradients only where micro batches accumulate); the backward
pass of the last layer when activations are recomputed; and its end (all gradients). ``benchmarks/train_memory.py``
compares this with measured peaks.

With ``offload`` masters, gradients and moments are in the host's memory, and only gathered weights on the GPU.

With adapters, only they have gradients and moments, and the frozen weights are held once: in the precision of computing
(sharded like the rest), or in 4 bits (QLoRA).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from distilray.train.memory.shape import BF16, FP32, Shape
from distilray.train.settings import TrainResources, TrainSettings, accumulation

GIB = 2**30
NF4 = 0.5 + 4 / 64
"""Bytes per number in 4 bits with one fp32 scale for 64 of them (Dettmers et al. 2023, without double quantisation)."""
TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
"""TRL's fused head projects this many positions onto this many tokens of the vocabulary at once."""
TILE_COPIES_ON_CPU = 29
"""Bytes per logit in addition to the tile itself, without a fused kernel: six fp32 copies, a mask and one product."""
GPU_OVERHEAD = int(1.5 * GIB)
"""Context, communication buffers and what the allocator cannot use, of one GPU. Not measured here."""
DISTILL_LOGITS = 1 << 25
"""Logits that distillation has at once."""
DISTILL_COPIES, DISTILL_COPIES_WHOLE = 25, 22
"""Bytes per logit of distillation: kept for its gradient, and the gradient; over k tokens, over all of them."""
CPU_OVERHEAD = int(0.75 * GIB)
"""Resident memory of a worker that has imported torch, transformers, TRL and Ray, before it loads a student."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a training method needs in addition to the needs of all methods."""

    sequences: int = 1
    """Of one row: 2 where rows are pairs."""
    is_generative: bool = True
    """Whether tokens are projected onto the vocabulary, as a classifier's are not."""
    distill_copies: int = 0
    """Bytes per logit where whole distributions are compared, tile by tile; 0 elsewhere."""
    beside: tuple[str, ...] = ()
    """Names of the models that workers hold in addition to the student."""
    reference: bool = False
    """Whether those are references: fp32 and sharded as the student is. Teachers are always sharded, and kept in their
    compute precision."""


ALIKE = Costs()


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes that one worker needs; ``peak`` is the most at once, libraries not counted."""

    weights: int
    gradients: int
    optimizer: int
    gathered: int
    """Weights in the compute precision, and communication buffers."""
    activations: int
    logits: int
    beside: int
    """A reference or a teacher in the same worker."""
    peak: int
    overhead: int

    @property
    def total(self) -> int:
        return self.peak + self.overhead

    def gib(self) -> dict[str, float]:
        """Every part and the total, GiB, rounded."""
        return {name: round(value / GIB, 2) for name, value in {**asdict(self), "total": self.total}.items()}


def memory_plan(
    config: Mapping[str, Any],
    settings: TrainSettings,
    resources: TrainResources,
    *,
    beside: Sequence[Mapping[str, Any]] = (),
    costs: Costs = ALIKE,
) -> MemoryPlan:
    """What one worker of this training needs, with rows as long as ``max_length`` allows.

    ``beside``: configs of the models that are in the same workers, by the method's ``costs``. Raises
    :class:`ValueError` where the workers cannot share a batch.
    """
    shape, on_gpu = Shape.of(config), resources.gpus_per_worker > 0
    if not costs.is_generative:
        shape = replace(shape, tied=True)
    layout = _Layout.of(settings, resources)
    state, batch = _state(shape, settings, layout), _batch(shape, settings, resources, layout, costs)
    others = [_beside(Shape.of(model), settings, resources, costs.reference) for model in beside]
    other = sum(there for there, _ in others)
    moments = _moments(shape, settings, layout, state, batch, max((gathered for _, gathered in others), default=0))
    weights, gradients = state.weights, state.gradients
    if settings.offload and on_gpu:
        away = weights + 3 * gradients
        moments = [max(0, moment - away) for moment in moments]
        weights = gradients = 0
    return MemoryPlan(
        weights=weights,
        gradients=gradients,
        optimizer=2 * gradients,
        gathered=state.gathered + state.buckets,
        activations=batch.kept + batch.last + (batch.a_layer if settings.activation_checkpointing else 0),
        logits=batch.logits + batch.head,
        beside=other,
        peak=other + max(moments),
        overhead=GPU_OVERHEAD if on_gpu else CPU_OVERHEAD,
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """How state is shared by workers, and in what precision they compute."""

    workers: int
    width: int
    """Bytes per number in the compute precision."""
    bf16: bool
    zero: bool
    sharded: bool
    """Whether weights are shared: FSDP2 or ZeRO-3 over several workers."""
    ddp: bool

    @classmethod
    def of(cls, settings: TrainSettings, resources: TrainResources) -> _Layout:
        bf16, workers = settings.precision == "bf16", resources.workers
        return cls(
            workers=workers,
            width=BF16 if bf16 else FP32,
            bf16=bf16,
            zero=settings.sharding.startswith("zero"),
            sharded=settings.sharding in ("fsdp", "zero3") and workers > 1,
            ddp=settings.sharding == "ddp",
        )

    @property
    def gathers(self) -> bool:
        return self.sharded or self.zero

    @property
    def autocast(self) -> bool:
        return self.bf16 and not self.sharded and not self.zero


@dataclass(frozen=True, slots=True)
class _State:
    """Bytes of the state that persists between steps, and of the weights in the compute precision."""

    weights: int
    copy: int
    gathered: int
    gradients: int
    buckets: int


def _state(shape: Shape, settings: TrainSettings, layout: _Layout) -> _State:
    width, lora = layout.width, settings.lora
    state_shards = 1 if layout.ddp else layout.workers
    weight_shards = layout.workers if layout.sharded else 1
    whole, layers = shape.parameters, shape.layers * shape.layer_parameters
    trained = whole if lora is None else shape.adapter_parameters(lora)
    if lora is None:
        weights = FP32 * whole // (state_shards if layout.zero else weight_shards)
        copy = width * whole if layout.zero else BF16 * layers if layout.bf16 else 0
    elif lora.quantize:
        weights = int(NF4 * layers) + width * shape.embedding_parameters + FP32 * trained
        copy = 2 * width * shape.layer_parameters  # dequantised as it is used
    else:
        weights = (width * whole + FP32 * trained) // weight_shards
        copy = 0
    outside = width * shape.embedding_parameters
    return _State(
        weights=weights,
        copy=copy,
        gathered=outside + 2 * width * shape.layer_parameters if layout.sharded else copy,
        gradients=FP32 * trained // state_shards,
        buckets=FP32 * trained if layout.ddp and layout.workers > 1 else 0,
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Bytes that a micro batch takes."""

    a_layer: int
    """Activations of one layer."""
    kept: int
    """Activations that are kept from forward to backward."""
    last: int
    """The last norm, and what the head reads."""
    logits: int
    head: int
    """Gradient of the head's whole matrix."""
    accumulates: bool
    """Whether a step is more than one micro batch."""


def _batch(shape: Shape, settings: TrainSettings, resources: TrainResources, layout: _Layout, costs: Costs) -> _Batch:
    width, bf16, autocast = layout.width, layout.bf16, layout.autocast
    micro, accumulate = accumulation(settings, resources.groups)
    tokens = micro * math.ceil(settings.max_length / resources.sequence_parallel) * costs.sequences
    a_layer = tokens * shape.layer_activations(settings.precision, cast_inputs=autocast)
    stream = tokens * shape.hidden * (BF16 if bf16 and not autocast else FP32)
    tile = min(tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_VOCABULARY)
    on_gpu = resources.gpus_per_worker > 0
    logits = tile * (width if on_gpu else width + TILE_COPIES_ON_CPU) + 2 * FP32 * tokens * shape.hidden
    if costs.distill_copies:
        logits = (
            min(tokens * shape.vocabulary, DISTILL_LOGITS) * costs.distill_copies + 2 * FP32 * tokens * shape.hidden
        )
    head = FP32 * shape.head_parameters if settings.lora is None else 0
    if not costs.is_generative:
        logits = head = 0
    return _Batch(
        a_layer=a_layer,
        kept=stream * shape.layers if settings.activation_checkpointing else a_layer * shape.layers,
        last=3 * stream + (tokens * shape.hidden * BF16 if autocast else 0),
        logits=logits,
        head=head,
        accumulates=accumulate > 1,
    )


def _moments(
    shape: Shape, settings: TrainSettings, layout: _Layout, state: _State, batch: _Batch, reading: int
) -> list[int]:
    """Bytes at each moment that could be the peak; ``reading``: what a reference or teacher gathers as it reads."""
    recomputes, gathers, gradients = settings.activation_checkpointing, layout.gathers, state.gradients
    held = state.weights + 2 * gradients + state.buckets + (state.gathered if gathers else 0)
    before = gradients if batch.accumulates else 0  # of earlier micro batches
    used_later = 0 if gathers or recomputes else state.copy
    loss = held + before + used_later + batch.kept + batch.last + batch.logits + batch.head
    end = held + gradients + batch.a_layer + (batch.head if shape.tied else 0)
    forward = held + before + batch.kept + batch.last + (0 if gathers else state.copy)
    recompute = held + max(before, batch.head) + batch.kept + batch.a_layer
    recompute += 2 * layout.width * shape.layer_parameters if layout.autocast else 0
    return [loss, end, recompute if recomputes else 0, forward, held + reading]


def _beside(shape: Shape, settings: TrainSettings, resources: TrainResources, reference: bool) -> tuple[int, int]:
    """Bytes of a model in the student's worker: what it always holds, and what it also gathers while it reads, which is
    before the student does."""
    computed = BF16 if settings.precision == "bf16" else FP32
    if not reference:
        computed = BF16 if resources.gpus_per_worker else FP32
    held = (FP32 if reference else computed) * shape.parameters
    if resources.workers == 1 or (reference and settings.sharding not in ("fsdp", "zero3")):
        return held, 0
    head = 0 if reference else computed * shape.head_parameters  # of a teacher, until its logits are compared
    whole = computed * (2 * shape.layer_parameters + shape.embedding_parameters)
    return held // resources.workers + head, whole - head
