"""Compiling the student's repeated blocks (torch.compile)."""

from __future__ import annotations

import shutil
import socket

import torch
import torch._inductor.config
import torch.distributed as dist
from torch._inductor.cpp_builder import get_cpp_compiler
from torch._inductor.exc import InvalidCxxCompiler

from distilray.train.errors import StopTraining


def compile_blocks(model: torch.nn.Module, blocks: list[str]) -> None:
    """Compiles the repeated ``blocks`` (names of classes), each for itself, at its first call: once for all of them,
    and once more when lengths begin to vary."""
    if shutil.which("openssl") is None:  # PyTorch calls it to hash the headers that it compiles ahead
        torch._inductor.config.cpp_cache_precompile_headers = False
    for module in model.modules():
        if type(module).__name__ in blocks:
            module.compile()


def check_compiler(training: str) -> None:
    """Raises :class:`StopTraining`, in all workers alike, where one of them is on a machine without a C++ compiler, by
    which PyTorch compiles for CPUs; all workers of the training named ``training`` call it together."""
    found = [None if _has_compiler() else socket.gethostname()]
    if dist.is_initialized():
        own, found = found[0], [None] * dist.get_world_size()
        dist.all_gather_object(found, own)
    without = sorted({host for host in found if host is not None})
    if without:
        wanted, hosts = torch._inductor.config.cpp.cxx[1], ", ".join(without)
        raise StopTraining(
            f"compile: true needs a C++ compiler where workers train on CPUs, and there is none on {hosts} (looked for "
            f"{wanted}; the variable CXX names another one); install one there, such as g++, or set compile: false for "
            f"train {training!r}"
        )


def _has_compiler() -> bool:
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return False
    return True
