"""Training steps of random weights by a recipe's trainer: tokens/s, MFU, and peak memory against the plan."""

from __future__ import annotations

import time
from typing import Any

import torch

from benchmarks.gpu.machine import GIB, wait
from benchmarks.gpu.shapes import config_of
from benchmarks.gpu.stage import Check
from benchmarks.random_training import build

WARM = 2
"""Steps that are not timed: kernels are chosen and compiled, the optimizer makes its state."""
LEAST_MFU = 0.40
PLAN_WITHIN = 0.10
"""How far the plan may be from the measured peak."""


def training(check: Check, size: str, steps: int, **settings: Any) -> None:
    """``steps`` optimizer steps of Qwen2.5 of ``size``, rows all as long as ``settings`` allow."""
    from distilray.train import SFTSettings, TrainResources, memory_plan
    from distilray.train.memory.flops import device_peak, flops_per_token

    config = config_of(size, check)
    if check.rehearsed:
        settings["max_length"] = 64
    written = {"student": "student", "sharding": "ddp", "batch_size": settings["micro_batch_size"], **settings}
    chosen = SFTSettings.model_validate({**written, "max_steps": steps})
    resources = TrainResources(gpus_per_worker=0 if check.rehearsed else 1)
    plan = memory_plan(config, chosen, resources)
    room = None if check.rehearsed else torch.cuda.mem_get_info()[1]
    check.report("plan", **plan.gib())
    if room is not None and plan.total > room:
        check.report("not run", why=f"the plan needs {plan.total / GIB:.1f} GiB, the GPU has {room / GIB:.1f}")
        return
    trainer = build(config, chosen, resources, steps)
    ends = _ends(check, trainer)
    wait(check)
    if not check.rehearsed:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    rate = chosen.batch_size * chosen.max_length * (len(ends) - WARM) / (ends[-1] - ends[WARM - 1])
    peak = device_peak(None, check.rehearsed)
    mfu = rate * flops_per_token(config, chosen.lora, chosen.max_length) / peak.tflops / 1e12 if peak else None
    check.report(
        "speed", steps=len(ends), tokens_per_second=round(rate), mfu=mfu and round(mfu, 4),
        peak_tflops=peak and round(peak.tflops, 3), of=peak and peak.name,
    )  # fmt: skip
    if not check.rehearsed:
        check.expect(mfu is None or mfu >= LEAST_MFU, f"MFU is {mfu or 0:.2f}, below {LEAST_MFU}")
        _memory(check, plan)


def _ends(check: Check, trainer: Any) -> list[float]:
    """Times at which steps end, as they do."""
    from transformers import TrainerCallback

    ends: list[float] = []

    class Ends(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            wait(check)
            ends.append(time.perf_counter())

    trainer.add_callback(Ends())
    return ends


def _memory(check: Check, plan: Any) -> None:
    """What PyTorch allocated and reserved at most, and what all of the GPU's users hold, against the plan."""
    allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    free, whole = torch.cuda.mem_get_info()
    check.report(
        "memory", allocated_gib=round(allocated / GIB, 2), reserved_gib=round(reserved / GIB, 2),
        device_gib=round((whole - free) / GIB, 2), planned_peak_gib=round(plan.peak / GIB, 2),
        planned_total_gib=round(plan.total / GIB, 2), ratio=round(plan.peak / allocated, 3),
        total_ratio=round(plan.total / (whole - free), 3),
    )  # fmt: skip
    off = plan.peak / allocated - 1
    check.expect(abs(off) <= PLAN_WITHIN, f"the planned peak is {off:+.0%} of what was allocated")
    check.expect(
        plan.total >= whole - free, f"the GPU holds {(whole - free) / GIB:.1f} GiB, more than the plan's total"
    )
