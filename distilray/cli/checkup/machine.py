"""Memory, disk, shared memory, open files and compiler of this machine."""

from __future__ import annotations

import os
import platform
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from distilray.checkpoints import cached_models, hub_cache
from distilray.cli.checkup.finding import Finding

GB = 1024**3


def check_machine() -> Iterator[Finding]:
    """Checks by the standard library and psutil."""
    memory = psutil.virtual_memory()
    limit = min(memory.total, cgroup_memory_limit() or memory.total)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("CPU cores", str(cores))
    yield check_memory(min(memory.available, limit), limit)
    yield check_disk(shutil.disk_usage(Path.cwd()).free, Path.cwd())
    shared = Path("/dev/shm")
    if shared.exists():
        yield check_shared_memory(shutil.disk_usage(shared).total)
    yield check_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if platform.system() == "Linux":
        yield check_lscpu(shutil.which("lscpu"))
    yield check_hub(cached_models(), hub_cache())
    yield check_compiler(shutil.which("c++") or shutil.which("g++") or shutil.which("clang++"))


def cgroup_memory_limit() -> int | None:
    """Bytes that this container may use, None without a limit."""
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return None if text == "max" else int(text)


def check_memory(available: int, total: int) -> Finding:
    """`available` and `total` in bytes."""
    found = f"{available / GB:.1f} GB free of {total / GB:.1f} GB"
    if available < 2 * GB:
        return Finding("memory", found, "stop", "free some memory: the quickstart needs about 4 GB")
    if available < 6 * GB:
        return Finding("memory", found, "look", "enough for the quickstart with nothing else running")
    return Finding("memory", found)


def check_disk(free: int, place: Path) -> Finding:
    """`free` in bytes."""
    found = f"{free / GB:.0f} GB free in {place}"
    if free < 2 * GB:
        return Finding("disk", found, "stop", "free some space, or give --run a directory on a larger disk")
    if free < 20 * GB:
        return Finding("disk", found, "look", "enough for small runs; checkpoints of larger students need more")
    return Finding("disk", found)


def check_shared_memory(size: int) -> Finding:
    """`size` of /dev/shm in bytes; Ray keeps its objects there."""
    if size < GB:
        remedy = "too little for Ray: docker run --shm-size=8g, in Kubernetes a Memory emptyDir on /dev/shm"
        return Finding("shared memory", f"{size / GB:.1f} GB", "look", remedy)
    return Finding("shared memory", f"{size / GB:.1f} GB")


def check_open_files(soft: int) -> Finding:
    """`soft` is what `ulimit -n` prints; -1 is unlimited."""
    if 0 <= soft < 4096:
        return Finding("open files", str(soft), "look", "ulimit -n 65536 before starting Ray")
    return Finding("open files", "unlimited" if soft < 0 else str(soft))


def check_lscpu(path: str | None) -> Finding:
    if path is None:
        return Finding("lscpu", "none", "stop", "vLLM on CPUs asks it for the cores: apt install util-linux")
    return Finding("lscpu", path)


def check_hub(models: list[str], cache: Path) -> Finding:
    """`models` are the names in the hub's cache."""
    if not models:
        remedy = "models named owner/name are fetched when a run needs them, and plan cannot check their templates"
        return Finding("models of the hub", f"none in {cache}", "ok", remedy)
    shown = ", ".join(models[:3]) + (", ..." if len(models) > 3 else "")
    return Finding("models of the hub", f"{len(models)} in {cache}: {shown}")


def check_compiler(path: str | None) -> Finding:
    if path is None:
        return Finding("C++ compiler", "none", "look", "DeepSpeed and torch.compile need one: apt install g++")
    return Finding("C++ compiler", path)
