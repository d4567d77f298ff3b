"""How much memory a training takes on each GPU, before anything is launched: plain arithmetic over a model's config.

What one worker holds, in bytes (P parameters, W workers that share them, T tokens of a micro batch):

* masters, gradients and AdamW's two moments, in fp32: ``4P`` each, divided by W where they are sharded (FSDP2 and
  ZeRO-3: all of them; ZeRO-2: gradients and moments; DDP: none);
* one layer gathered whole for computing, in the precision of computing, twice (the next one is fetched ahead), and
  the embeddings; DDP and ZeRO-2 keep a whole copy in that precision during a step;
* activations kept for the backward pass, from the shapes of a pre-norm decoder with a gated MLP and fused attention
  (after Korthikanti et al. 2022, "Reducing activation recomputation", without the attention matrix); checkpointing
  keeps each layer's input and one layer's activations;
* logits in fp32 and their gradient, for as many positions as are projected at once (TRL projects in tiles);
* what the allocator and the libraries hold.

With adapters, only they have gradients and moments, and the frozen weights are held once, in the checkpoint's
precision (4 bits under QLoRA).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from distilray.train.settings import LoraSettings, TrainResources, TrainSettings, accumulation

GIB = 2**30
FP32, BF16 = 4, 2
LOGITS_AT_ONCE = 1024
"""Positions whose logits exist at the same time on a GPU."""
OVERHEAD = int(1.5 * GIB)
"""Context, communication buffers and what the allocator cannot use, of one GPU."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder that its memory depends on."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        """From a Hugging Face ``config.json`` of a dense decoder; :class:`KeyError` names what it lacks."""
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
        )

    @property
    def layer_parameters(self) -> int:
        attention = self.hidden * self.head * (2 * self.heads + 2 * self.kv_heads)
        return attention + 3 * self.hidden * self.intermediate + 2 * self.hidden

    @property
    def embedding_parameters(self) -> int:
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        return self.layers * self.layer_parameters + self.embedding_parameters + self.hidden

    def adapter_parameters(self, lora: LoraSettings) -> int:
        """Of adapters on all linear layers of the blocks."""
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        shapes = [(self.hidden, queries), (self.hidden, keys), (self.hidden, keys), (queries, self.hidden)]
        shapes += [(self.hidden, self.intermediate)] * 2 + [(self.intermediate, self.hidden)]
        return self.layers * lora.r * sum(a + b for a, b in shapes)

    def layer_activations(self, width: int) -> int:
        """Bytes per token that one layer keeps for its backward pass, ``width`` bytes a number."""
        attention = self.head * (2 * self.heads + 2 * self.kv_heads)  # q, k, v and what comes out
        kept = 2 * self.hidden + 2 * self.hidden + attention + 4 * self.intermediate  # norms, residuals, gated MLP
        return kept * width + 2 * self.hidden * FP32  # norms compute in fp32


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes that one worker needs at its peak."""

    weights: int
    gradients: int
    optimizer: int
    gathered: int
    activations: int
    logits: int
    overhead: int

    @property
    def total(self) -> int:
        parts = (self.weights, self.gradients, self.optimizer, self.gathered, self.activations, self.logits)
        return sum(parts) + self.overhead


def memory_plan(
    config: Mapping[str, Any], settings: TrainSettings, resources: TrainResources, *, overhead: int = OVERHEAD
) -> MemoryPlan:
    """What one worker of this training needs, with rows as long as ``max_length`` allows."""
    shape, workers = Shape.of(config), resources.workers
    compute = BF16 if settings.precision == "bf16" else FP32
    shards = {"fsdp": workers, "zero3": workers, "zero2": 1, "ddp": 1}[settings.sharding]
    state_shards = 1 if settings.sharding == "ddp" else workers
    if settings.lora is None:
        trained, frozen = shape.parameters, 0
    else:
        trained, frozen = shape.adapter_parameters(settings.lora), shape.parameters * FP32
    whole = shape.parameters * compute if shards == 1 and compute != FP32 else 0
    layer = 2 * shape.layer_parameters * compute if shards > 1 else 0
    embeddings = shape.vocabulary * shape.hidden * compute if shards > 1 else 0
    micro, _ = accumulation(settings, workers)
    tokens = micro * settings.max_length
    per_layer = shape.layer_activations(compute)
    kept = per_layer * shape.layers
    if settings.activation_checkpointing:
        kept = shape.hidden * compute * shape.layers + per_layer
    return MemoryPlan(
        weights=(trained * FP32 + frozen) // shards,
        gradients=trained * FP32 // state_shards,
        optimizer=2 * trained * FP32 // state_shards,
        gathered=whole + layer + embeddings,
        activations=tokens * (kept + shape.hidden * compute),
        logits=min(tokens, LOGITS_AT_ONCE) * shape.vocabulary * FP32 * 2,
        overhead=overhead,
    )


def proposals(
    config: Mapping[str, Any], settings: TrainSettings, resources: TrainResources, limit: int
) -> list[tuple[str, MemoryPlan]]:
    """Changes to a training that needs more than ``limit`` bytes a worker, each of which makes it fit, mildest first:
    what costs only speed comes before what changes the result."""
    found = []
    for words, changed in _changes(settings):
        plan = memory_plan(config, changed, resources)
        if plan.total <= limit:
            found.append((words, plan))
    return found


def _changes(settings: TrainSettings) -> Iterator[tuple[str, TrainSettings]]:
    shard = {} if settings.sharding in ("fsdp", "zero3") or settings.lora else {"sharding": "fsdp"}
    recompute, smallest = {"activation_checkpointing": True}, {"micro_batch_size": 1}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("sharding: fsdp", shard),
        ("activation_checkpointing: true", recompute),
        ("micro_batch_size: 1", smallest),
        ("activation_checkpointing: true, micro_batch_size: 1", {**recompute, **smallest}),
        ("sharding: fsdp, activation_checkpointing: true, micro_batch_size: 1", {**shard, **recompute, **smallest}),
        ("lora: {r: 16}, activation_checkpointing: true, micro_batch_size: 1", {**recompute, **smallest}),
    ]
    for words, changes in steps:
        if words.startswith("lora"):
            changes = {**changes, "lora": settings.lora or LoraSettings()}
        if changes and any(getattr(settings, name) != value for name, value in changes.items()):
            yield words, settings.model_copy(update=changes)


def without_overhead(plan: MemoryPlan) -> MemoryPlan:
    """What PyTorch itself counts as allocated, to compare with its peak."""
    return replace(plan, overhead=0)
