"""How much memory a training takes on each GPU, before anything is launched: plain arithmetic over a model's config.

What one worker holds, in bytes (P parameters, W workers that share them, N tokens of a micro batch, V the vocabulary):

* masters and AdamW's two moments, in fp32: ``4P`` and ``8P``, divided by W where they are sharded (FSDP2 and ZeRO-3:
  both; ZeRO-2: the moments; DDP: none). Gradients in fp32, ``4P``, sharded alike; DDP adds its buckets;
* weights in the compute precision: under FSDP2 and ZeRO-3 two layers (the next one is fetched ahead) and what
  belongs to no layer; elsewhere, in bf16, a copy of every layer, which lives from forward to backward;
* activations kept for the backward pass: the tensors that a pre-norm decoder with a gated MLP and fused attention
  saves, counted operation by operation (the method of Korthikanti et al. 2022, "Reducing activation recomputation",
  without the attention matrix). Checkpointing keeps each layer's input and one layer's activations. Where attention
  needs a mask (packed rows, a classifier's rows of different lengths), each layer also keeps a copy of it in the
  compute precision, and keys and values repeated for every head;
* buffers through which FSDP2 sums gradients: a layer, the head or the embeddings whole, in the compute precision and in
  fp32. It sums after every micro batch, so that no worker holds whole gradients longer;
* logits: a tile of ``min(N, 4096)`` by ``min(V, 32768)`` (TRL's fused head never has all of them), which on GPUs is
  turned into its gradient in place and on CPUs by way of fp32 copies; distillation, which compares whole distributions,
  has tiles of some positions by V, in several fp32 copies; the gradient of the head's whole matrix in fp32;
* a reference or a teacher in the same worker: its weights, and two of its layers whole where it is sharded;
* memory of libraries and the allocator.

They do not all exist at once, so the peak is the largest of these moments: a reference or a teacher reads, before the
student does; the loss (all activations and logits, and gradients only where micro batches accumulate); the sum of the
head's gradients; the backward pass of the last layer when activations are recomputed; and its end (all gradients, and
the sum of the embeddings'). ``benchmarks/train_memory.py``
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
from distilray.train.memory.state import Layout, State, state_of
from distilray.train.settings import TrainResources, TrainSettings, accumulation

GIB = 2**30
TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
"""TRL's fused head projects this many positions onto this many tokens of the vocabulary at once."""
TILE_COPIES_ON_CPU = 29
"""Bytes per logit in addition to the tile itself, without a fused kernel: six fp32 copies, a mask and one product."""
GPU_OVERHEAD = int(1.5 * GIB)
"""Context (0.75 GiB on an H200; with NCCL 1.3) and other buffers of libraries, of one GPU."""
GPU_SLACK = 0.03
"""Share of the peak that the allocator cannot use."""
ADAPTED, ADAPTED_COMPILED = 2, 7
"""Numbers per token, in units of the MLP's width, that a layer with adapters has at once beside those of a layer
without: what an adapter adds, and the sum; compiled, more is kept. Measured on an H200, 7B."""
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
    """Whether those are references: in the precision of the weights that the student starts from (fp32; with adapters
    the compute precision), and sharded as the student is. Teachers are always sharded, and kept in their compute
    precision."""
    reference_first: bool = False
    """Whether workers load a reference, ask it and let it go before they load the student."""
    packed: bool = False
    """Whether rows are packed into sequences of ``max_length``."""
    instead: str = ""
    """The setting with which workers do not hold those models: ``reference_by: workers``."""


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
    shape, on_gpu = shape_of(config, costs), resources.gpus_per_worker > 0
    layout = Layout.of(settings, resources)
    state, batch = state_of(shape, settings, layout), _batch(shape, settings, resources, layout, costs)
    others = [_beside(Shape.of(model), settings, resources, costs.reference) for model in beside]
    other = sum(there for there, _ in others)
    if settings.offload and on_gpu:
        state = replace(state, weights=0, gradients=0)
    moments = _moments(shape, settings, layout, state, batch, max((gathered for _, gathered in others), default=0))
    return MemoryPlan(
        weights=state.weights,
        gradients=state.gradients,
        optimizer=2 * state.gradients,
        gathered=state.gathered + state.buckets + max(state.summed_layer, state.summed_embedding),
        activations=batch.kept + batch.last + (batch.a_layer if settings.activation_checkpointing else 0),
        logits=batch.logits + batch.head,
        beside=other,
        peak=other + max(moments),
        overhead=GPU_OVERHEAD + int(GPU_SLACK * (other + max(moments))) if on_gpu else CPU_OVERHEAD,
    )


def shape_of(config: Mapping[str, Any], costs: Costs) -> Shape:
    """The student's sizes; a classifier has no second matrix of the vocabulary."""
    shape = Shape.of(config)
    return shape if costs.is_generative else replace(shape, tied=True)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Bytes that a micro batch takes."""

    a_layer: int
    """Activations of one layer."""
    kept: int
    """Activations that are kept from forward to backward, and the attention mask."""
    last: int
    """The last norm, and what the head reads."""
    logits: int
    head: int
    """Gradient of the head's whole matrix."""
    accumulates: bool
    """Whether a step is more than one micro batch."""


def _batch(shape: Shape, settings: TrainSettings, resources: TrainResources, layout: Layout, costs: Costs) -> _Batch:
    width, bf16, autocast = layout.width, layout.bf16, layout.autocast
    micro, accumulate = accumulation(settings, resources.groups)
    rows, length = micro * costs.sequences, math.ceil(settings.max_length / resources.sequence_parallel)
    tokens = rows * length
    mask = 0 if resources.sequence_parallel > 1 else _mask(rows, length, costs)
    a_layer = tokens * shape.layer_activations(settings.precision, cast_inputs=autocast, masked=mask > 0)
    a_layer += mask * width
    stream = tokens * shape.hidden * (BF16 if bf16 and not autocast else FP32)
    tile = min(tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_VOCABULARY)
    on_gpu = resources.gpus_per_worker > 0
    logits = tile * (width if on_gpu else width + TILE_COPIES_ON_CPU) + 2 * FP32 * tokens * shape.hidden
    if on_gpu and bf16 and not layout.frozen:  # the rows of the head that meet a tile, rounded, and those before them
        logits += 2 * BF16 * min(shape.vocabulary, TILE_VOCABULARY) * shape.hidden + BF16 * tokens * shape.hidden
    if costs.distill_copies:
        logits = (
            min(tokens * shape.vocabulary, DISTILL_LOGITS) * costs.distill_copies + 2 * FP32 * tokens * shape.hidden
        )
    head = FP32 * shape.head_parameters if settings.lora is None else 0
    if not costs.is_generative:
        logits = head = 0
    adapted = 0
    if layout.frozen and on_gpu:
        adapted = tokens * (ADAPTED_COMPILED if settings.compile else ADAPTED) * shape.intermediate * width
    return _Batch(
        a_layer=a_layer + adapted,
        kept=mask + (stream if settings.activation_checkpointing else a_layer) * shape.layers,
        last=3 * stream + (tokens * shape.hidden * BF16 if autocast else 0),
        logits=logits,
        head=head,
        accumulates=accumulate > 1,
    )


def _mask(rows: int, length: int, costs: Costs) -> int:
    """Places of the attention mask of a micro batch; 0 where attention is merely causal.

    transformers makes one, of a byte a place, where rows are packed, and then the whole micro batch is one sequence;
    and where a classifier's rows differ in length. A causal model's rows, padded on the right, need none. PyTorch's
    attention turns it into numbers of the compute precision in every layer.
    """
    if costs.packed:
        return (rows * length) ** 2
    return 0 if costs.is_generative or rows == 1 else rows * length**2


def _moments(
    shape: Shape, settings: TrainSettings, layout: Layout, state: State, batch: _Batch, reading: int
) -> list[int]:
    """Bytes at each moment that could be the peak; ``reading``: what a reference or teacher gathers as it reads."""
    recomputes, gathers, gradients = settings.activation_checkpointing, layout.gathers, state.gradients
    held = state.weights + 2 * gradients + state.buckets + (state.gathered if gathers else 0)
    before = gradients if batch.accumulates else 0  # of earlier micro batches
    used_later = 0 if gathers or recomputes else state.copy
    loss = held + before + used_later + batch.kept + batch.last + batch.logits + batch.head
    summed = held + before + batch.kept + batch.last + state.summed_head
    of_head = batch.head // layout.workers if state.summed_layer else batch.head
    end = held + gradients + max(batch.a_layer + state.summed_layer, state.summed_embedding)
    end += batch.head if shape.tied and not state.summed_layer else 0
    forward = held + before + batch.kept + batch.last + (0 if gathers else state.copy)
    recompute = held + max(before, of_head) + batch.kept + batch.a_layer + state.summed_layer
    recompute += 2 * layout.width * shape.layer_parameters if layout.autocast else 0
    return [loss, summed, end, recompute if recomputes else 0, forward, held + reading]


def reference_width(settings: TrainSettings) -> int:
    """Bytes per number of a reference: as many as of the weights that the student starts from, so that a rounding is
    in both sides of a log-ratio."""
    return BF16 if settings.lora is not None and settings.precision == "bf16" else FP32


def _beside(shape: Shape, settings: TrainSettings, resources: TrainResources, reference: bool) -> tuple[int, int]:
    """Bytes of a model in the student's worker: what it always holds, and what it also gathers while it reads, which is
    before the student does."""
    computed = BF16 if settings.precision == "bf16" else FP32
    if not reference:
        computed = BF16 if resources.gpus_per_worker else FP32
    held = (reference_width(settings) if reference else computed) * shape.parameters
    if resources.workers == 1 or (reference and settings.sharding not in ("fsdp", "zero3")):
        return held, 0
    head = 0 if reference else computed * shape.head_parameters  # of a teacher, until its logits are compared
    whole = computed * (2 * shape.layer_parameters + shape.embedding_parameters)
    return held // resources.workers + head, whole - head
