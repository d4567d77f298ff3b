"""Stages that end in every way a stage can, for the tests of benchmarks/gpu_check.py."""

from __future__ import annotations

import os
import resource
import signal
import time

from benchmarks.gpu.stage import Check, Stage
from benchmarks.gpu.stages import TRAINING

LIMIT_S = 20.0


def passes(check: Check, size: int = 1) -> None:
    print("noise that libraries print")
    check.report("figures", size=check.pick(100, size))


def finds(check: Check) -> None:
    check.report("figures", ratio=1.3)
    check.expect(True, "this holds")
    check.expect(False, "the plan is 30 % off")


def fails(check: Check) -> None:
    check.report("before", seen=True)
    raise ValueError("no such kernel")


def hangs(check: Check) -> None:
    check.report("before", pid=os.getpid())
    time.sleep(600)


def takes_too_much(check: Check) -> None:
    check.report("before", seen=True)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    bytearray(4 << 30)


def allocates_in_torch(check: Check) -> None:
    import torch

    torch.empty(1 << 50, dtype=torch.uint8)


def is_killed(check: Check) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stage(name: str, limit_s: float = LIMIT_S, **arguments: int) -> Stage:
    return Stage(name, f"tests.support.gpu_stages:{name}", limit_s, f"how {name} ends", arguments)


STAGES = (
    _stage("passes", size=3),
    _stage("finds"),
    _stage("fails"),
    _stage("hangs", limit_s=2.0),
    _stage("takes_too_much"),
    _stage("is_killed"),
    Stage("missing", "tests.support.no_such_module:run", LIMIT_S, "how a stage without its library ends"),
    Stage("again", "tests.support.gpu_stages:passes", LIMIT_S, "that the last one runs too"),
)
IN_TORCH = (_stage("allocates_in_torch"), _stage("passes"))

FIRST = TRAINING[:3]
"""The most valuable of the real ones."""
