"""Masks: what a mask, padding without one, and packing cost attention, and which kernels they end in."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.gpu.machine import GIB, fastest
from benchmarks.gpu.shapes import config_of
from benchmarks.gpu.stage import Check

ALIKE = 2e-3
"""Largest relative difference of the losses of a padded batch with and without a mask."""
SHARES = (1.0, 0.75, 0.5, 0.25)
"""Of the longest row, the lengths of the padded rows."""


def attention(check: Check) -> None:
    """A random 1.5B in bf16 over fp32 weights, forward and backward, four rows of up to 4,096 tokens."""
    from transformers import Qwen2Config, Qwen2ForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    length = check.pick(4096, 64)
    config = config_of("1.5B", check)
    torch.manual_seed(0)
    with torch.device(check.device):
        model = Qwen2ForCausalLM(Qwen2Config(**config))
    add_fused_lm_head(model)
    model.train()
    losses = {}
    for name, (inputs, tokens) in batches(length, config["vocab_size"], check.device).items():
        losses[name] = measure(check, model, name, inputs, tokens)
    difference = abs(losses["padded, masked"] - losses["padded, no mask"]) / losses["padded, masked"]
    check.report("padded rows", difference_of_losses=difference)
    check.expect(difference < ALIKE, f"without a mask the loss of right-padded rows differs by {difference:.1e}")


def batches(length: int, vocabulary: int, device: str) -> dict[str, tuple[dict[str, Any], int]]:
    """Inputs of each kind of batch, with the number of their tokens that are not padding."""
    sizes = [int(share * length) for share in SHARES]
    ids = torch.randint(0, vocabulary, (len(sizes), length), device=device)
    held = torch.arange(length, device=device)[None] < torch.tensor(sizes, device=device)[:, None]
    padded = {"input_ids": ids * held, "labels": torch.where(held, ids, -100)}
    rows = torch.cat([ids[k, :size] for k, size in enumerate(sizes)])[None]
    places = torch.cat([torch.arange(size, device=device) for size in sizes])[None]
    starts = places == 0
    packed = {"input_ids": rows, "position_ids": places, "labels": torch.where(starts, -100, rows)}
    return {
        "equal lengths": ({"input_ids": ids, "labels": ids}, ids.numel()),
        "padded, masked": ({**padded, "attention_mask": held.long()}, sum(sizes)),
        "padded, no mask": (padded, sum(sizes)),
        "packed": (packed, sum(sizes)),
    }


def measure(check: Check, model: Any, name: str, inputs: dict[str, Any], tokens: int) -> float:
    """Reports speed, memory and kernels of one kind of batch; returns its loss."""
    losses: list[torch.Tensor] = []

    def once() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(check.device, torch.bfloat16):
            found = model(**inputs, use_cache=False, fused_lm_head=True)
        loss = -found.log_probs.sum() / found.label_mask.sum()
        loss.backward()
        losses.append(loss.detach())

    if check.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    seconds = fastest(check, once, tries=3)
    check.report(
        name, tokens=tokens, tokens_per_second=round(tokens / seconds), loss=round(float(losses[-1]), 5),
        reserved_gib=round(torch.cuda.max_memory_reserved() / GIB, 2) if check.device == "cuda" else None,
        kernels=kernels(check, once),
    )  # fmt: skip
    return float(losses[-1])


def kernels(check: Check, once: Any) -> list[str]:
    """Names of the kernels (on a CPU: operators) that attend, by the time that they take."""
    from torch.profiler import ProfilerActivity, profile

    activity = ProfilerActivity.CUDA if check.device == "cuda" else ProfilerActivity.CPU
    with profile(activities=[activity]) as seen:
        once()
    told = seen.key_averages()
    told = sorted(told, key=lambda one: -(one.self_device_time_total or one.self_cpu_time_total))
    words = ("attention", "flash", "fmha", "sdpa", "softmax")
    return [event.key[:100] for event in told if any(word in event.key.lower() for word in words)][:6]
