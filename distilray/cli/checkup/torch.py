"""Whether torch sees the GPUs and can train on several workers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from distilray.cli.checkup.finding import SETUP_AGAIN, Finding

TORCH_PROBE = """
import importlib.util, json, torch
import torch.distributed as dist
facts = {"cuda": torch.version.cuda, "gloo": dist.is_gloo_available(), "nccl": dist.is_nccl_available()}
facts["gpus"] = torch.cuda.device_count() if torch.cuda.is_available() else 0
facts["torchvision"] = None
if importlib.util.find_spec("torchvision"):
    try:
        import torchvision
    except (ImportError, RuntimeError, OSError) as error:
        facts["torchvision"] = str(error)
print(json.dumps(facts))
"""


def gpus_of_driver() -> list[str]:
    """One line for each GPU that the NVIDIA driver lists: name, memory, driver version."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = [
        "nvidia-smi",
        "--query-gpu=name,memory.total,memory.free,driver_version",
        "--format=csv,noheader",
    ]
    listed = subprocess.run(query, capture_output=True, text=True, timeout=20)
    return listed.stdout.strip().splitlines() if listed.returncode == 0 else []


def check_torch(driver: list[str], facts: dict[str, Any] | str) -> Iterator[Finding]:
    """GPUs, FSDP2 and torchvision, from the driver's list and the facts of TORCH_PROBE (or its error)."""
    if isinstance(facts, str):
        yield Finding("torch imports", facts, "stop", f"remove .venv and {SETUP_AGAIN}")
        return
    if driver and facts["gpus"]:
        yield Finding("GPUs", "\n".join(driver))
    elif driver and facts["cuda"] is None:
        yield Finding("GPUs", "\n".join(driver), "look", "torch is a CPU build: make setup EXTRA=gpu")
    elif driver:
        remedy = f"torch (CUDA {facts['cuda']}) sees no GPU: update the driver or unset CUDA_VISIBLE_DEVICES"
        yield Finding("GPUs", "\n".join(driver), "stop", remedy)
    else:
        yield Finding("GPUs", "none")
    backends = [name for name in ("gloo", "nccl") if facts[name]]
    if facts["gpus"] and not facts["nccl"]:
        yield Finding("FSDP2", f"over {' '.join(backends)}", "stop", f"GPUs need nccl: {SETUP_AGAIN}")
    elif not backends:
        yield Finding("FSDP2", "no backend", "stop", f"torch has neither gloo nor nccl: {SETUP_AGAIN}")
    else:
        yield Finding("FSDP2", f"over {' and '.join(backends)}")
    if facts["torchvision"]:
        remedy = "it breaks `import transformers`, nothing needs it: uv pip uninstall torchvision torchaudio"
        yield Finding("torchvision", facts["torchvision"], "stop", remedy)
