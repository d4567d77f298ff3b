"""What a worker holds between the steps of a training, and the buffers through which workers share it."""

from __future__ import annotations

from dataclasses import dataclass

from distilray.train.memory.shape import BF16, FP32, Shape
from distilray.train.settings import TrainResources, TrainSettings

NF4 = 0.5 + 4 / 64
"""Bytes per number in 4 bits with one fp32 scale for 64 of them (Dettmers et al. 2023, without double quantisation)."""
ZERO_BUCKET = 500_000_000
"""Numbers that DeepSpeed sums at once (``reduce_bucket_size``, which transformers leaves as it is). Not measured."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How state is shared by workers, and in what precision they compute."""

    workers: int
    width: int
    """Bytes per number in the compute precision."""
    bf16: bool
    zero: bool
    on_gpu: bool
    sharded: bool
    """Whether weights are shared: FSDP2 or ZeRO-3 over several workers."""
    ddp: bool
    frozen: bool
    """Whether adapters are trained, over weights in the compute precision."""

    @classmethod
    def of(cls, settings: TrainSettings, resources: TrainResources) -> Layout:
        bf16, workers = settings.precision == "bf16", resources.workers
        return cls(
            workers=workers,
            width=BF16 if bf16 else FP32,
            bf16=bf16,
            zero=settings.sharding.startswith("zero"),
            on_gpu=resources.gpus_per_worker > 0,
            sharded=settings.sharding in ("fsdp", "zero3") and workers > 1,
            ddp=settings.sharding == "ddp",
            frozen=settings.lora is not None,
        )

    @property
    def gathers(self) -> bool:
        return self.sharded or self.zero

    @property
    def layers_gathered(self) -> int:
        """Layers whole at once: the one in use and the one fetched ahead; on GPUs also the buffer of the one before,
        which is free when the copy out of the next has been made."""
        return 3 if self.on_gpu and not self.zero else 2

    @property
    def autocast(self) -> bool:
        """Whether fp32 masters are rounded where they are used, so that what flows between the layers is fp32."""
        return self.bf16 and not self.sharded and not self.zero and not self.frozen


@dataclass(frozen=True, slots=True)
class State:
    """Bytes of the state that persists between steps, and of the weights in the compute precision."""

    weights: int
    copy: int
    gathered: int
    gradients: int
    buckets: int
    """Of DDP and DeepSpeed, through which gradients are summed."""
    summed_layer: int
    summed_head: int
    summed_embedding: int
    """Of FSDP2, while it sums the gradients of one of its units over the workers: the unit's whole gradient in the
    compute precision and, in fp32, the buffer that is sent."""


def state_of(shape: Shape, settings: TrainSettings, layout: Layout) -> State:
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
    summed = width + FP32 if layout.sharded and not layout.zero and lora is None else 0
    buckets = FP32 * trained if layout.ddp and layout.workers > 1 else 0
    if layout.zero:
        buckets = (width + FP32) * min(trained, ZERO_BUCKET)
    return State(
        weights=weights,
        copy=copy,
        gathered=outside + layout.layers_gathered * width * shape.layer_parameters if layout.sharded else copy,
        gradients=FP32 * trained // state_shards,
        buckets=buckets,
        summed_layer=summed * shape.layer_parameters,
        summed_head=0 if shape.tied else summed * shape.head_parameters,
        summed_embedding=summed * shape.head_parameters,
    )
