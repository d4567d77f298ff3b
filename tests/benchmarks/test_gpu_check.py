"""The GPU check keeps its promises without a GPU: every stage's code runs, and whatever becomes of one, the others
report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
import pytest
from packaging.requirements import Requirement

from benchmarks.gpu.running import run
from benchmarks.gpu.stages import TRAINING
from tests.support import gpu_stages
from tests.support.paths import ROOT

PRESENT = ("torch", "transformers", "accelerate", "peft", "pyarrow", "jinja2", "lazy-loader", "tensorboard", "pandas")
"""What the bare machine has, with all that these need."""


def check(*options: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and the printed lines of the command."""
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--rehearse", *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_whatever_becomes_of_a_stage_the_others_report(tmp_path: Path):
    out = tmp_path / "card.json"
    code, lines = check("--stages", "tests.support.gpu_stages:STAGES", "--out", str(out))
    *stages, told = lines
    ends = {stage["stage"]: stage["outcome"] for stage in stages}
    assert ends == {
        "passes": "passed",
        "finds": "wrong",
        "fails": "failed",
        "hangs": "out of time",
        "takes_too_much": "out of memory",
        "is_killed": "failed",
        "missing": "failed",
        "again": "passed",
    }
    assert code == 1
    assert told == {"passed": 2, "not passed": {name: end for name, end in ends.items() if end != "passed"}}
    assert json.loads(out.read_text("utf-8"))["stages"] == stages


def test_a_stage_leaves_what_it_found_and_why_it_ended():
    _, lines = check("--stages", "tests.support.gpu_stages:STAGES")
    found = {line["stage"]: line for line in lines[:-1]}
    assert found["passes"]["parts"] == [{"part": "figures", "size": 3}]
    assert "log" not in found["passes"]
    assert found["finds"]["findings"] == ["the plan is 30 % off"]
    assert found["fails"]["parts"] == [{"part": "before", "seen": True}]
    assert found["fails"]["failed"] == "ValueError: no such kernel"
    assert "no such kernel" in found["fails"]["log"]
    assert found["hangs"]["limit_s"] == 2.0
    assert not psutil.pid_exists(found["hangs"]["parts"][0]["pid"])
    assert "signal 9" in found["is_killed"]["failed"]
    assert "no_such_module" in found["missing"]["failed"]


def test_no_stage_is_begun_that_the_time_left_is_too_short_for():
    began = time.monotonic()
    results = list(run(gpu_stages.STAGES, rehearsed=True, seconds=30, reserve=29.5))
    assert {result["outcome"] for result in results[:-2]} == {"not begun"}
    assert "it may take 20" in results[0]["why"]
    assert time.monotonic() - began < 60


def test_results_of_other_stages_are_kept(tmp_path: Path):
    out = tmp_path / "card.json"
    for only in ("finds", "passes", "finds"):
        check("--stages", "tests.support.gpu_stages:STAGES", "--only", only, "--out", str(out))
    kept = json.loads(out.read_text("utf-8"))["stages"]
    assert [stage["stage"] for stage in kept] == ["passes", "finds"]


def test_the_limits_leave_time_for_most_stages():
    limits = [stage.limit_s for stage in TRAINING]
    assert sum(limits[:7]) <= 420 - 45  # the last four measure options
    assert len({stage.name for stage in TRAINING}) == len(TRAINING)


@pytest.mark.slow
def test_what_torch_cannot_allocate_is_out_of_memory():
    _, lines = check("--stages", "tests.support.gpu_stages:IN_TORCH")
    assert [line["outcome"] for line in lines[:-1]] == ["out of memory", "passed"]


@pytest.mark.slow
def test_the_most_valuable_stages_run_on_a_cpu_with_what_a_bare_machine_has():
    chosen = ("--stages", "tests.support.gpu_stages:FIRST")
    code, lines = check(*chosen, "--minutes", "60", "--patience", "20", "--without", ",".join(absent()))
    *stages, told = lines
    assert (code, told["not passed"]) == (0, {}), why(stages)
    assert [stage["stage"] for stage in stages] == ["machine", "fused head", "1.5B"]


@pytest.mark.long
def test_every_training_stage_runs_on_a_cpu_with_what_a_bare_machine_has(tmp_path: Path):
    out = tmp_path / "cpu.json"
    code, lines = check("--minutes", "60", "--patience", "20", "--out", str(out), "--without", ",".join(absent()))
    *stages, told = lines
    assert told["not passed"] == {}, why(stages)
    assert code == 0
    assert [stage["stage"] for stage in stages] == [stage.name for stage in TRAINING]
    parts = {stage["stage"]: {part["part"]: part for part in stage.get("parts", ())} for stage in stages}
    assert parts["1.5B"]["speed"]["steps"] == 7
    assert parts["fsdp"]["held"]["sharded"] == "26 of 26"
    assert parts["fsdp"]["resume"]["relative_difference"] == 0
    assert parts["attention"]["packed"]["loss"] > 0
    assert json.loads(out.read_text("utf-8"))["versions"]["torch"]


@pytest.mark.long
def test_every_stage_of_engines_runs_on_a_cpu(tmp_path: Path):
    code, lines = check("--engines", "--minutes", "60", "--patience", "5", "--reserve", "10")
    *stages, told = lines
    assert told["not passed"] == {}, why(stages)
    assert code == 0


def why(stages: list[dict[str, Any]]) -> dict[str, tuple[str | None, str | None]]:
    """Error and log of the stages that did not pass."""
    return {stage["stage"]: (stage.get("failed"), stage.get("log")) for stage in stages if stage["outcome"] != "passed"}


def absent() -> list[str]:
    """Packages that are installed here and not on a bare machine with the wheels of benchmarks/gpu/wheels.txt."""
    lines = (ROOT / "benchmarks" / "gpu" / "wheels.txt").read_text("utf-8").splitlines()
    wheels = [Requirement(line).name for line in lines if line and not line.startswith("#")]
    there: set[str] = set()
    for name in (*PRESENT, *wheels, "distilray"):
        closure(name, there, deep=name in (*PRESENT, "pydantic"))
    packages = packages_distributions()
    named = {name for name, of in packages.items() if not {canonical(one) for one in of} & there}
    brought = {path.name for path in Path(str(files("setuptools"))).joinpath("_vendor").iterdir()}
    return sorted(name for name in named - brought if name.isidentifier() and name not in ("tests", "benchmarks"))


def closure(name: str, there: set[str], deep: bool) -> None:
    """Adds ``name`` and, if ``deep``, all that it requires to ``there``."""
    if canonical(name) in there:
        return
    there.add(canonical(name))
    try:
        needed = [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        return
    for one in needed if deep else ():
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            closure(one.name, there, deep)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
