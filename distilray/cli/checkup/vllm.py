"""Whether vLLM imports with its kernels, and whether its build suits the machine."""

from __future__ import annotations

from typing import Any

from distilray.cli.checkup.finding import SETUP_AGAIN, Finding

VLLM_PROBE = """
import json, torch, vllm
from vllm.platforms import current_platform
current_platform.import_kernels()  # which only logs a failure: look at a kernel that every build has
kernels = hasattr(torch.ops._C, "silu_and_mul")
print(json.dumps({"device": current_platform.device_type, "kernels": kernels}))
"""


def check_vllm(has_gpu: bool, facts: dict[str, Any] | str) -> Finding:
    """Whether vLLM imports, and whether its build suits the machine."""
    if isinstance(facts, str):
        return Finding("vLLM imports", facts, "stop", SETUP_AGAIN)
    found = f"{facts['device'] or 'no'} build"
    if not facts["kernels"]:
        return Finding("vLLM imports", f"{found} without its kernels", "stop", SETUP_AGAIN)
    if facts["device"] == "cpu" and has_gpu:
        return Finding("vLLM imports", found, "look", "the GPUs stay idle: make setup EXTRA=gpu")
    if facts["device"] not in ("cpu", "cuda"):
        return Finding("vLLM imports", found, "stop", "it found no device it can use: make setup EXTRA=cpu")
    return Finding("vLLM imports", found)
