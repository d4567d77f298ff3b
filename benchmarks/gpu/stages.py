"""The stages, the most valuable first: what does not fit into the minutes at hand is left out at the end."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.stage import Stage

EXPANDABLE = {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
PLAIN = {"PYTORCH_ALLOC_CONF": "expandable_segments:False"}
STEPS = 7
RECOMPUTED = {"activation_checkpointing": True}
FULL: dict[str, Any] = {"size": "1.5B", "steps": STEPS, "max_length": 4096, "micro_batch_size": 8, **RECOMPUTED}
LORA: dict[str, Any] = {**FULL, "size": "7B", "lora": {"r": 16}}
COMPILED = {"compile": True}
BOTH = "cpu:gloo,cuda:nccl"


def _training(name: str, limit_s: float, settles: str, environment: dict[str, str], **arguments: Any) -> Stage:
    return Stage(name, "benchmarks.gpu.training:training", limit_s, settles, arguments, environment)


def _sharded(name: str, limit_s: float, settles: str, **arguments: Any) -> Stage:
    return Stage(name, "benchmarks.gpu.sharded:sharded", limit_s, settles, arguments)


TRAINING = (
    Stage("machine", "benchmarks.gpu.machine:machine", 30, "versions, card, peak, one Triton kernel"),
    Stage("fused head", "benchmarks.gpu.head:head", 45, "values, gradients and memory of the head"),
    _training("1.5B", 50, "MFU and the plan of full training", EXPANDABLE, **FULL),
    _sharded("fsdp", 75, "dtypes, memory while loading, save, resume, export"),
    _training("7B LoRA", 60, "MFU and the plan of adapters", EXPANDABLE, **LORA),
    Stage("attention", "benchmarks.gpu.attention:attention", 70, "cost of masks and of packing, kernels"),
    _sharded("offload", 45, "whether weights leave the GPU", offload=True, backend=BOTH),
    Stage("sequence parallel", "benchmarks.gpu.sequence:sequence", 25, "the all-to-all over NCCL"),
    Stage("halving", "benchmarks.gpu.sequence:halving", 25, "a classifier's batch that does not fit"),
    _training("1.5B, compiled", 70, "MFU of compiled blocks", EXPANDABLE, **FULL, **COMPILED),
    _training("7B LoRA, compiled", 80, "MFU of compiled blocks", EXPANDABLE, **LORA, **COMPILED),
    _training("1.5B in planned memory", 50, "whether the plan's total is enough", EXPANDABLE, **FULL, capped=True),
    _training("1.5B, plain allocator", 50, "what expandable_segments saves", PLAIN, **FULL),
)
"""About seven minutes, on a machine with PyTorch and transformers alone."""

KEPT = {"activation_checkpointing": False}
MORE = (
    _training("1.5B, profiled", 60, "where the time goes", EXPANDABLE, **FULL, profiled=True),
    _training("1.5B, sharded, compiled", 70, "FSDP2 on a mesh of one", EXPANDABLE, **FULL, **COMPILED, sharded=True),
    _training("1.5B, compiled, lengths vary", 90, "MFU", EXPANDABLE, **FULL, **COMPILED, vary=True),
    _training("1.5B, lengths vary", 60, "MFU", EXPANDABLE, **FULL, vary=True),
    _training("7B LoRA, plain allocator", 60, "what expandable_segments saves", PLAIN, **LORA),
    _training("1.5B, kept activations", 60, "MFU", EXPANDABLE, **{**FULL, **KEPT, "micro_batch_size": 4}),
    _training("1.5B, rows of 16k", 90, "MFU", EXPANDABLE, **{**FULL, "max_length": 16384, "micro_batch_size": 1}),
    _training("7B", 120, "MFU and the plan", EXPANDABLE, **{**FULL, "size": "7B", "micro_batch_size": 1}),
    _training("7B LoRA, kept activations", 90, "MFU", EXPANDABLE, **{**LORA, **KEPT, "micro_batch_size": 2}),
)
"""Further trainings, for a machine that is at hand for longer."""
