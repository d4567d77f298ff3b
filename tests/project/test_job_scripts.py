"""The job scripts of both posts: plan, predict, run, report, in this order, with what was typed passed on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SCRIPTS = {"distilqwen2": "runs/distilqwen2-1.5b", "distilqwen2_5_ds3": "runs/distilqwen2.5-ds3-7b"}


def told(script: str, folder: Path, *typed: str, **environment: str) -> list[str]:
    """The command lines that ``script`` gives, in order; what runs them writes them down."""
    program, log = folder / "distilray", folder / "log"
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    program.chmod(0o755)
    log.write_text("")
    subprocess.run(
        [ROOT / "jobs" / f"{script}.sh", *typed],
        env={"PATH": os.environ["PATH"], "DISTILRAY": str(program), **environment}, cwd=folder, check=True,
    )  # fmt: skip
    return log.read_text().splitlines()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_plan_and_a_prediction_come_before_the_run(script: str, tmp_path: Path) -> None:
    recipe, run = f"jobs/recipes/{script}.yaml", SCRIPTS[script]
    planned, predicted, ran, reported = told(script, tmp_path, "seed=1", GPU_HOUR="2.5")
    assert planned == f"plan {recipe} seed=1"
    assert predicted.startswith(f"{planned} --pilot ") and predicted.endswith(" --gpu-hour 2.5")
    assert ran == f"run {recipe} seed=1 --run {run}"
    assert reported == f"report {run}"


@pytest.mark.parametrize("script", SCRIPTS)
def test_where_it_goes_and_whether_it_is_predicted_are_the_users(script: str, tmp_path: Path) -> None:
    lines = told(script, tmp_path, RUN="s3://bucket/run", PILOT="0")
    assert [line.split()[0] for line in lines] == ["plan", "run", "report"]
    assert lines[1].endswith("--run s3://bucket/run") and lines[2] == "report s3://bucket/run"
