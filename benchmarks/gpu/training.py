"""Training steps of random weights by a recipe's trainer: tokens/s, MFU, and peak memory against the plan."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import torch

from benchmarks.gpu.machine import GIB, wait
from benchmarks.gpu.ranks import one_rank
from benchmarks.gpu.shapes import config_of
from benchmarks.gpu.sharded import forced_sharding
from benchmarks.gpu.stage import Check
from benchmarks.random_training import build

WARM = 2
"""Steps that are not timed: kernels are chosen and compiled, the optimizer makes its state."""
LEAST_MFU = 0.40
"""With compiled blocks."""
PLAN_WITHIN = 0.10
"""How far the plan may be from the measured peak."""


CONTEXT = int(0.75 * GIB)
"""What a process holds on an H200 before it allocates anything."""


def training(
    check: Check, size: str, steps: int, sharded: bool = False, profiled: bool = False, capped: bool = False,
    vary: bool = False, **settings: Any,
) -> None:  # fmt: skip
    """``steps`` optimizer steps of Qwen2.5 of ``size``, rows all as long as ``settings`` allow. ``sharded``: by FSDP2
    on a mesh of one; ``profiled``: one more step, by kernels; ``capped``: PyTorch gets no more memory than the plan
    says; ``vary``: each step's rows are shorter than those of the one before."""
    with contextlib.ExitStack() as stack:
        if sharded:
            stack.enter_context(one_rank(check.device))
            stack.enter_context(forced_sharding())
            settings["sharding"] = "fsdp"
        trainer = _trained(check, size, steps, capped, vary, **settings)
        if trainer is not None and profiled:
            _profile(check, trainer)


def _trained(check: Check, size: str, steps: int, capped: bool, vary: bool, **settings: Any) -> Any:
    """The trainer after its steps, or None where they cannot fit."""
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
        return None
    if capped and room is not None:
        torch.cuda.set_per_process_memory_fraction((plan.total - CONTEXT) / room)
    lengths = [chosen.max_length - (k * chosen.max_length // 16 if vary else 0) for k in range(steps)]
    trainer = build(config, chosen, resources, steps, lengths)
    ends = _ends(check, trainer)
    wait(check)
    if not check.rehearsed:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    trainer.train()
    rate = chosen.batch_size * sum(lengths[WARM:]) / (ends[-1] - ends[WARM - 1])
    length = sum(n**2 for n in lengths[WARM:]) / sum(lengths[WARM:])
    check.report("losses", losses=[r["loss"] for r in trainer.state.log_history if "loss" in r])
    peak = device_peak(None, check.rehearsed)
    mfu = rate * flops_per_token(config, chosen.lora, length) / peak.tflops / 1e12 if peak else None
    check.report(
        "speed", steps=len(ends), first_step_s=round(ends[0] - began, 2), tokens_per_second=round(rate),
        mfu=mfu and round(mfu, 4), peak_tflops=peak and round(peak.tflops, 3), of=peak and peak.name,
    )  # fmt: skip
    if not check.rehearsed:
        if chosen.compile:
            check.expect(mfu is None or mfu >= LEAST_MFU, f"MFU is {mfu or 0:.2f}, below {LEAST_MFU}")
        _memory(check, plan)
    return trainer


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


def _profile(check: Check, trainer: Any) -> None:
    """Which kernels the time of one more forward and backward pass goes to."""
    from torch.profiler import ProfilerActivity, profile

    trainer.state.global_step = 0  # the rows of another step are not in its order
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    activity = ProfilerActivity.CPU if check.rehearsed else ProfilerActivity.CUDA
    with profile(activities=[activity]) as seen:
        trainer.training_step(trainer.model_wrapped, batch)
        wait(check)
    told = [(one.self_device_time_total or one.self_cpu_time_total, one.count, one.key) for one in seen.key_averages()]
    total = sum(one[0] for one in told)
    most = [f"{time / total:.3f} {count} {key[:90]}" for time, count, key in sorted(told, reverse=True)[:25]]
    check.report("kernels", milliseconds=round(total / 1e3, 1), kernels=most)
