"""How much memory a training takes on each GPU, before anything is launched: plain arithmetic over a model's config.

What one worker holds, in bytes (P parameters, W workers that share them, N tokens of a micro batch, V the vocabulary):

* masters and AdamW's two moments, in fp32: ``4P`` and ``8P``, divided by W where they are sharded (FSDP2 and ZeRO-3:
  both; ZeRO-2: the moments; DDP: none). Gradients in fp32, ``4P``, sharded alike; DDP has its buckets besides;
* weights in the precision of computing: under FSDP2 and ZeRO-3 two layers (the next one is fetched ahead) and what
  belongs to no layer; elsewhere, in bf16, a copy of every layer, which lives from forward to backward;
* activations kept for the backward pass: the tensors that a pre-norm decoder with a gated MLP and fused attention
  saves, counted operation by operation (the method of Korthikanti et al. 2022, "Reducing activation recomputation",
  without the attention matrix). Checkpointing keeps each layer's input and one layer's activations;
* logits: a tile of ``min(N, 4096)`` by ``min(V, 32768)`` (TRL's fused head never has all of them), which on GPUs is
  turned into its gradient in place and on CPUs by way of fp32 copies; distillation, which compares whole distributions,
  has tiles of some positions by V, in several fp32 copies; the gradient of the head's whole matrix in fp32;
* a reference or a teacher beside the student: its weights, and two of its layers whole where it is sharded;
* what libraries and the allocator hold.

They are not all there at once, so the peak is the largest of these moments: a reference or a teacher reads, before the
student does; the loss (all activations and logits, and gradients only where micro batches accumulate); the backward
pass of the last layer when activations are recomputed; and its end (all gradients). ``benchmarks/train_memory.py``
compares this with measured peaks.

With ``offload`` masters, gradients and moments lie in the host's memory, and only what is gathered on the GPU.

With adapters, only they have gradients and moments, and the frozen weights are held once: in the precision of computing
(sharded like the rest), or in 4 bits (QLoRA).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from distilray.train.settings import LoraSettings, TrainResources, TrainSettings, accumulation

GIB = 2**30
FP32, BF16 = 4, 2
NF4 = 0.5 + 4 / 64
"""Bytes a number in 4 bits with one fp32 scale for 64 of them (Dettmers et al. 2023, without double quantisation)."""
TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
"""TRL's fused head projects so many positions onto so many tokens of the vocabulary at once."""
TILE_COPIES_ON_CPU = 29
"""Bytes a logit beside the tile itself: six fp32 copies, a mask and one product, where there is no fused kernel."""
GPU_OVERHEAD = int(1.5 * GIB)
"""Context, communication buffers and what the allocator cannot use, of one GPU. Not measured here."""
DISTILL_LOGITS = 1 << 25
"""Logits that distillation has at once."""
LESSON_COPIES, LESSON_COPIES_WHOLE = 25, 22
"""Bytes a logit of distillation: what is kept for its gradient, and the gradient; over k tokens, over all of them."""
CPU_OVERHEAD = int(0.75 * GIB)
"""Resident memory of a worker that has imported torch, transformers, TRL and Ray, before it loads a student."""

UNGATED = {"bert", "roberta", "xlm-roberta", "camembert", "electra", "mpnet", "deberta-v2", "xlm-roberta-xl"}
"""Models (``model_type``) whose MLP has no gate."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a transformer that its memory depends on."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool
    biases: bool
    gated: bool = True
    """Whether the MLP has a gate: three maps, not two."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        """From a Hugging Face ``config.json`` of a dense transformer; :class:`KeyError` names what it lacks."""
        heads = config["num_attention_heads"]
        return cls(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head=config.get("head_dim") or config["hidden_size"] // heads,
            vocabulary=config["vocab_size"],
            tied=bool(config.get("tie_word_embeddings", False)),
            biases=bool(config.get("attention_bias", config.get("model_type") == "qwen2")),
            gated=config.get("model_type") not in UNGATED,
        )

    @property
    def queries(self) -> int:
        """Numbers a token in all heads' queries."""
        return self.heads * self.head

    @property
    def keys(self) -> int:
        return self.kv_heads * self.head

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """``(inputs, outputs)`` of a layer's linear maps."""
        attention = [(self.hidden, self.queries), (self.hidden, self.keys), (self.hidden, self.keys)]
        attention += [(self.queries, self.hidden)]
        inner = [(self.hidden, self.intermediate)] * (2 if self.gated else 1)
        return attention + inner + [(self.intermediate, self.hidden)]

    @property
    def layer_parameters(self) -> int:
        biases = self.queries + 2 * self.keys if self.biases else 0
        return sum(a * b for a, b in self.matrices) + biases + 2 * self.hidden

    @property
    def head_parameters(self) -> int:
        return self.vocabulary * self.hidden

    @property
    def embedding_parameters(self) -> int:
        """Of everything outside the layers: embeddings, head, last norm."""
        return self.head_parameters * (1 if self.tied else 2) + self.hidden

    @property
    def parameters(self) -> int:
        return self.layers * self.layer_parameters + self.embedding_parameters

    def adapter_parameters(self, lora: LoraSettings) -> int:
        """Of adapters on all linear maps of the layers."""
        return self.layers * lora.r * sum(a + b for a, b in self.matrices)

    @property
    def inner(self) -> int:
        """Numbers a token that the MLP keeps: its gate, both inputs of the product and the product, or the map before
        and after its activation."""
        return (4 if self.gated else 2) * self.intermediate

    def layer_activations(self, precision: str, *, cast_inputs: bool) -> int:
        """Bytes a token that one layer keeps for its backward pass.

        ``cast_inputs``: the residual stream is fp32 and each linear map keeps a bf16 copy of its input (autocast over
        fp32 weights); under FSDP2 the stream itself is bf16, and maps that share an input keep one.
        """
        attention = 2 * self.queries + 2 * self.keys  # queries, keys and values as rotated, and the result
        if precision == "fp32":
            return FP32 * (6 * self.hidden + attention + self.inner)
        inner = BF16 * (attention + self.inner)
        norms = 2 * 2 * FP32 + 5 * BF16 if cast_inputs else 2 * (FP32 + 2 * BF16)
        return norms * self.hidden + inner


@dataclass(frozen=True, slots=True)
class Costs:
    """What a kind of training takes beyond what all of them do."""

    sequences: int = 1
    """Of one row: 2 where rows are pairs."""
    is_generative: bool = True
    """Whether tokens are projected onto the vocabulary, as a classifier's are not."""
    distill_copies: int = 0
    """Bytes a logit where whole distributions are compared, tile by tile; 0 elsewhere."""
    beside: tuple[str, ...] = ()
    """Names of the models that workers hold beside the student."""
    reference: bool = False
    """Whether those are references: fp32 and sharded as the student is. Teachers are sharded whatever shards it, and
    lie in the precision they compute in."""


ALIKE = Costs()


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes that one worker needs; ``peak`` is the most at once, libraries not counted."""

    weights: int
    gradients: int
    optimizer: int
    gathered: int
    """Weights in the precision of computing, and communication buffers."""
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

    ``beside``: configs of the models that ``costs``, the kind's own, say are in the same workers. Raises
    :class:`ValueError` where the workers cannot share a batch.
    """
    shape, workers, on_gpu = Shape.of(config), resources.workers, resources.gpus_per_worker > 0
    if not costs.is_generative:
        shape = replace(shape, tied=True)
    bf16, zero = settings.precision == "bf16", settings.sharding.startswith("zero")
    width = BF16 if bf16 else FP32
    sharded = settings.sharding in ("fsdp", "zero3") and workers > 1
    state_shards = workers if settings.sharding != "ddp" else 1
    weight_shards = workers if sharded else 1
    whole, layers, lora = shape.parameters, shape.layers * shape.layer_parameters, settings.lora

    trained = whole if lora is None else shape.adapter_parameters(lora)
    if lora is None:
        weights = FP32 * whole // (state_shards if zero else weight_shards)
        copy = width * whole if zero else BF16 * layers if bf16 else 0
    elif lora.quantize:
        weights = int(NF4 * layers) + width * shape.embedding_parameters + FP32 * trained
        copy = 2 * width * shape.layer_parameters  # dequantised as it is used
    else:
        weights = (width * whole + FP32 * trained) // weight_shards
        copy = 0
    outside = width * shape.embedding_parameters
    gathered = outside + 2 * width * shape.layer_parameters if sharded else copy
    gradients = FP32 * trained // state_shards
    buckets = FP32 * trained if settings.sharding == "ddp" and workers > 1 else 0

    micro, accumulate = accumulation(settings, resources.groups)
    tokens = micro * math.ceil(settings.max_length / resources.sequence_parallel) * costs.sequences
    autocast = bf16 and not sharded and not zero
    a_layer = tokens * shape.layer_activations(settings.precision, cast_inputs=autocast)
    stream = tokens * shape.hidden * (BF16 if bf16 and not autocast else FP32)
    last = 3 * stream + (tokens * shape.hidden * BF16 if autocast else 0)  # the last norm, and what the head reads
    kept = stream * shape.layers if settings.activation_checkpointing else a_layer * shape.layers
    tile = min(tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_VOCABULARY)
    logits = tile * (width if on_gpu else width + TILE_COPIES_ON_CPU) + 2 * FP32 * tokens * shape.hidden
    if costs.distill_copies:
        logits = (
            min(tokens * shape.vocabulary, DISTILL_LOGITS) * costs.distill_copies + 2 * FP32 * tokens * shape.hidden
        )
    head = FP32 * shape.head_parameters if lora is None else 0
    if not costs.is_generative:
        logits = head = 0

    held = weights + 2 * gradients + buckets + (gathered if sharded or zero else 0)
    before = gradients if accumulate > 1 else 0  # of earlier micro batches
    used_later = 0 if sharded or zero or settings.activation_checkpointing else copy
    loss = held + before + used_later + kept + last + logits + head
    end = held + gradients + a_layer + (head if shape.tied else 0)
    recompute = held + max(before, head) + kept + a_layer + (2 * width * shape.layer_parameters if autocast else 0)
    forward = held + before + kept + last + (0 if sharded or zero else copy)
    others = [_beside(Shape.of(model), settings, resources, costs.reference) for model in beside]
    other = sum(there for there, _ in others)
    reading = held + max((gathered for _, gathered in others), default=0)
    if not settings.activation_checkpointing:
        recompute = 0
    moments = [loss, end, recompute, forward, reading]
    if settings.offload and on_gpu:
        away = weights + 3 * gradients
        moments = [max(0, moment - away) for moment in moments]
        weights = gradients = 0
    return MemoryPlan(
        weights=weights,
        gradients=gradients,
        optimizer=2 * gradients,
        gathered=gathered + buckets,
        activations=kept + last + (a_layer if settings.activation_checkpointing else 0),
        logits=logits + head,
        beside=other,
        peak=other + max(moments),
        overhead=GPU_OVERHEAD if on_gpu else CPU_OVERHEAD,
    )


def _beside(shape: Shape, settings: TrainSettings, resources: TrainResources, reference: bool) -> tuple[int, int]:
    """Bytes of a model beside the student: what is always there, and what it gathers besides while it reads, which is
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


def proposals(
    config: Mapping[str, Any],
    settings: TrainSettings,
    resources: TrainResources,
    limit: int,
    *,
    beside: Sequence[Mapping[str, Any]] = (),
    costs: Costs = ALIKE,
) -> list[tuple[str, MemoryPlan]]:
    """Changes to a training that needs more than ``limit`` bytes a worker, each of which makes it fit, mildest first:
    what costs only speed comes before what changes the result. The words are settings as recipes write them."""
    found = []
    for words, changed, used in _changes(config, settings, resources):
        plan = memory_plan(config, changed, used, beside=beside, costs=costs)
        adapters = [other.total for other_words, other in found if "lora" in other_words]
        if plan.total <= limit and plan.total < min(adapters, default=limit + 1):
            found.append((words, plan))
    return found


SHARED_ROWS = "resources.sequence_parallel"


def _changes(
    config: Mapping[str, Any], settings: TrainSettings, resources: TrainResources
) -> Iterator[tuple[str, TrainSettings, TrainResources]]:
    shard = {"sharding": "fsdp"} if settings.sharding not in ("fsdp", "zero3") and resources.workers > 1 else {}
    recompute = {} if settings.activation_checkpointing else {"activation_checkpointing": True}
    smallest = {} if settings.micro_batch_size == 1 else {"micro_batch_size": 1}
    offload = {"offload": True} if resources.gpus_per_worker and not settings.offload else {}
    adapters = settings.lora or LoraSettings()
    lora = {} if settings.lora else {"lora": adapters}
    qlora = {"lora": adapters.model_copy(update={"quantize": "nf4"}), "sharding": "ddp", "offload": False}
    shares: list[dict[str, Any]] = [{SHARED_ROWS: share, **smallest} for share in _shares(config, settings, resources)]
    offered: list[dict[str, Any]] = []
    for changes in (
        shard,
        recompute,
        smallest,
        {**recompute, **smallest},
        {**shard, **recompute},
        {**shard, **recompute, **smallest},
        *shares,
        *({**shard, **recompute, **share} for share in shares),
        {**shard, **offload, **recompute, **smallest},
        {**shard, **lora, **recompute, **smallest},
        {**qlora, **recompute, **smallest},
    ):
        changes = {name: value for name, value in changes.items() if getattr(settings, name, None) != value}
        if not changes or changes in offered:
            continue
        offered.append(changes)
        share = changes.get(SHARED_ROWS, resources.sequence_parallel)
        changed = settings.model_copy(update={name: changes[name] for name in changes if name != SHARED_ROWS})
        used = resources.model_copy(update={"sequence_parallel": share})
        yield ", ".join(_word(*change) for change in changes.items()), changed, used


def _shares(config: Mapping[str, Any], settings: TrainSettings, resources: TrainResources) -> Iterator[int]:
    """By how many workers rows could be shared, beyond what they are."""
    if settings.whole_rows is not None:
        return
    for share in (2, 4, 8):
        heads = config.get("num_attention_heads") or 0
        if share > resources.sequence_parallel and resources.workers % share == 0 and heads % share == 0:
            yield share


def _word(name: str, value: Any) -> str:
    if isinstance(value, LoraSettings):
        return f"lora: {{r: {value.r}{', quantize: nf4' if value.quantize else ''}}}"
    return f"{name}: {str(value).lower()}"


def without_overhead(plan: MemoryPlan) -> MemoryPlan:
    """What PyTorch itself counts as allocated, to compare with its peak."""
    return replace(plan, overhead=0)
