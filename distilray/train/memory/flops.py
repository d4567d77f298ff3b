"""Arithmetic of training, and the share of a device's peak that it reaches (MFU).

Operations of a token, forward and backward, after Chowdhery et al. 2022 ("PaLM", appendix B): ``6 N + 12 L Q T``, with
N the numbers that tokens are multiplied with (layers and head, not the embeddings that are looked up), L layers, Q
numbers of a token's queries and T tokens of a row. Recomputed activations are not counted: MFU is about useful work.
Frozen weights need no gradient of their own, so with adapters it is ``4 N`` for them and ``6`` for every number of an
adapter.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distilray.train.memory.shape import Shape
from distilray.train.settings import LoraSettings

BF16_TFLOPS = {
    "T4": 65, "V100": 125, "A10G": 70, "A10": 125, "L4": 121, "L40S": 362, "A100": 312, "H20": 148, "H100 PCIe": 756,
    "H100": 989, "H200": 989, "B200": 2250,
}  # fmt: skip
"""Dense 16-bit TFLOP/s of NVIDIA's data sheets, by the longest key that the device's name contains."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak of one worker's device."""

    tflops: float
    name: str
    """Where the number is from."""


def flops_per_token(config: Mapping[str, Any], lora: LoraSettings | None, length: float, *, head: bool = True) -> float:
    """Operations of one token of training in rows of ``length`` tokens on average; ``head``: whether every token is
    projected onto the vocabulary."""
    shape = Shape.of(config)
    multiplied = shape.layers * sum(a * b for a, b in shape.matrices) + (shape.head_parameters if head else 0)
    attention = 12 * shape.layers * shape.queries * length
    if lora is None:
        return 6.0 * multiplied + attention
    return 4.0 * multiplied + 6.0 * shape.adapter_parameters(lora) + attention


def device_peak(given: float | None, on_cpu: bool) -> Peak | None:
    """The peak of this worker's device: as ``given`` (TFLOP/s), from its data sheet, or on CPUs as measured here; None
    for an unknown GPU."""
    if given is not None:
        return Peak(given, "as the recipe says")
    if on_cpu:
        return measured_peak()
    import torch

    name = torch.cuda.get_device_name()
    known = max((key for key in BF16_TFLOPS if key in name), key=len, default=None)
    return None if known is None else Peak(BF16_TFLOPS[known], f"{known}, dense bf16, data sheet")


def measured_peak(size: int = 1024, tries: int = 4) -> Peak:
    """The fastest of some products of two square fp32 matrices on this process's threads: about 0.2 s."""
    import torch

    a, b = torch.ones(size, size), torch.ones(size, size)
    seconds = []
    for _ in range(tries + 1):  # the first one is a warm-up
        began = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - began)
    threads = torch.get_num_threads()
    return Peak(2 * size**3 / min(seconds) / 1e12, f"measured: {size}x{size} fp32 product on {threads} CPU threads")
