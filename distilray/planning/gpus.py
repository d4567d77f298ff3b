"""Memory of GPUs: what their driver says, and for machines that are not up what GPUs of a name usually have."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from xml.etree import ElementTree

MIB_OF_GIB = 1024
GPU_GIB = {
    "T4": 15, "V100": 16, "A10G": 22, "L4": 22, "A100-40G": 40, "A100": 40, "L40S": 44, "A100-80G": 79, "H100": 79,
    "H20": 95, "H200": 139, "B200": 178,
}  # fmt: skip
"""By the names that Ray gives them (resource ``accelerator_type:H100``); of two sizes the smaller: Ray calls an A100 of
80 GB ``A100``."""


def gpu_gib_of(resources: Iterable[str]) -> float | None:
    """Memory of a cluster's smallest GPU by the names of its resources; None if Ray does not name its GPUs."""
    names = [name.removeprefix("accelerator_type:") for name in resources if name.startswith("accelerator_type:")]
    sizes = [GPU_GIB[name] for name in names if name in GPU_GIB]
    return float(min(sizes)) if sizes else None


def installed_gpu_gib() -> float | None:
    """Memory of this machine's smallest GPU, GiB, as its driver reports it; None without an answer."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    try:
        asked = subprocess.run([command, "-q", "-x"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return smallest_gib(asked.stdout)


def smallest_gib(report: str) -> float | None:
    """GiB that programs can use of the smallest GPU in ``nvidia-smi -q -x``'s ``report``; a GPU that is cut into
    instances (MIG) counts as its smallest instance. None where it names no GPU."""
    try:
        found = ElementTree.fromstring(report)
    except ElementTree.ParseError:
        return None
    sizes = []
    for gpu in found.iter("gpu"):
        for device in gpu.findall("mig_devices/mig_device") or [gpu]:
            total = _mib(device.findtext("fb_memory_usage/total"))
            if total is not None:
                sizes.append(total - (_mib(device.findtext("fb_memory_usage/reserved")) or 0.0))
    return min(sizes) / MIB_OF_GIB if sizes else None


def _mib(text: str | None) -> float | None:
    """``81559 MiB`` as a number; None for ``N/A``."""
    number = (text or "").split(" ")[0]
    return float(number) if number.isdigit() else None
