"""The machine: its packages, its card, what a product of matrices and a copy reach there, and one Triton kernel."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu.stage import Check

GIB = 2**30


def machine(check: Check) -> None:
    """Versions first, so that whatever fails later is known to be about them."""
    from distilray.runner import versions

    check.report("versions", **versions(), cuda=torch.version.cuda)
    check.report("card", **card(check))
    check.report(
        "host", cores=os.cpu_count(), gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB)
    )
    size = check.pick(8192, 512)
    a, b = (torch.randn(size, size, device=check.device, dtype=torch.bfloat16) for _ in range(2))
    seconds = fastest(check, lambda: a @ b)
    check.report("product", shape=f"{size} cubed, bf16", tflops=round(2 * size**3 / seconds / 1e12, 3))
    block = torch.empty(check.pick(GIB, 1 << 20), device=check.device, dtype=torch.uint8)
    seconds = fastest(check, block.clone)
    check.report("copy", gib_per_s=round(2 * block.numel() / seconds / GIB, 1))
    kernel(check)


def card(check: Check) -> dict[str, Any]:
    """What the device is called and how much memory it has."""
    if check.device == "cpu":
        return {"name": platform.processor() or platform.machine(), "gib": None}
    known = torch.cuda.get_device_properties(0)
    free, whole = torch.cuda.mem_get_info()
    return {
        "name": known.name,
        "gib": round(whole / GIB, 2),
        "free_gib": round(free / GIB, 2),
        "capability": f"{known.major}.{known.minor}",
        "multiprocessors": known.multi_processor_count,
    }


def kernel(check: Check) -> None:
    """TRL's Triton kernel against PyTorch: it needs a C compiler and Python's headers on the machine."""
    from transformers.utils import is_triton_available

    if check.device == "cpu" or not is_triton_available():
        check.report("triton", ran=False, why="no Triton here")
        check.expect(check.device == "cpu", "Triton is not installed: TRL's fused head takes its slow path")
        return
    from trl.kernels import selective_log_softmax_and_entropy

    logits = torch.randn(64, 4096, device=check.device)
    chosen = torch.randint(0, 4096, (64,), device=check.device)
    began = time.perf_counter()
    found, _ = selective_log_softmax_and_entropy(logits, chosen)
    torch.cuda.synchronize()
    wanted = logits.log_softmax(-1).gather(1, chosen[:, None])[:, 0]
    error = float((found - wanted).abs().max())
    check.report("triton", ran=True, compiled_s=round(time.perf_counter() - began, 2), largest_error=error)
    check.expect(error < 1e-3, f"TRL's Triton kernel is off by {error:.2e}")


def fastest(check: Check, work: Callable[[], object], tries: int = 10) -> float:
    """Seconds of the fastest of some tries, after three that are not timed."""
    seconds = []
    for k in range(tries + 3):
        wait(check)
        began = time.perf_counter()
        work()
        wait(check)
        if k >= 3:
            seconds.append(time.perf_counter() - began)
    return min(seconds)


def wait(check: Check) -> None:
    """Until the device has done what it was given."""
    if check.device == "cuda":
        torch.cuda.synchronize()
