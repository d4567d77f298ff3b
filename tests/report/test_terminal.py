"""Progress in a log: short whole lines, and never a long silence. What a terminal shows is in tests/cli."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from rich.console import Console

from distilray.driver import Event
from distilray.report import TerminalView
from distilray.report.terminal import LINE, plain_progress

FIVE = "01-align_trace+cognitive_pairs+inline_trace+judge+check"
STEPS = ("align_trace", "cognitive_pairs", "inline_trace", "judge", "check")


def details(**more: Any) -> dict[str, Any]:
    steps = [{"name": name, "kept": 2000 - 100 * k, "rejected": 90, "failed": 10} for k, name in enumerate(STEPS)]
    models = {name: {"tokens_per_s": 4210.4} for name in ("teacher", "judge", "student")}
    return {"done": 3, "total": 16, "unit": "units", "eta_s": 80.0, "models": models, "steps": steps} | more


def test_a_phase_of_five_steps_makes_one_short_line() -> None:
    line = plain_progress(FIVE, details(), 30)
    assert line.startswith(
        "01-align_trace+cognit…+judge+check: 3/16 units  ETA 1:20  1,600 kept 450 rejected 50 failed  "
    )
    assert len(line) <= LINE and line.endswith("…")
    assert plain_progress("02-check", details(models={}), 30) == (
        "02-check: 3/16 units  ETA 1:20  1,600 kept 450 rejected 50 failed"
    )


def test_a_line_says_for_what_a_phase_waits() -> None:
    waiting = details(waiting="engines of teacher, judge")
    assert plain_progress("01-answer", waiting, 25) == "01-answer: waiting for engines of teacher, judge, 25 s so far"
    assert plain_progress("sources", {}, 12) == "sources: 12 s so far"


def test_a_training_shows_its_loss() -> None:
    training = details(steps=[], models={}, loss=1.5, tokens_per_s=900.0)
    assert plain_progress("training/sft", training, 5) == "training/sft: 3/16 units  ETA 1:20  loss 1.500  900 tok/s"


def wait_for(text: str, out: io.StringIO) -> None:
    deadline = time.monotonic() + 30
    while text not in out.getvalue() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_log_has_a_line_when_a_stage_starts_while_it_runs_and_when_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("distilray.report.terminal.LOG_EVERY_S", (0.1, 30.0))
    out = io.StringIO()
    with TerminalView(console=Console(file=out, width=60)) as view:
        view(Event("note", "", "starting Ray on this machine"))
        wait_for("Ray on this machine: ", out)
        view(Event("started", FIVE))
        wait_for("+check: ", out)
        view(Event("done", FIVE))
    lines = out.getvalue().splitlines()
    begun = next(k for k, line in enumerate(lines) if line.endswith(" started"))
    first, *waited, started = lines[: begun + 1]
    *ticks, done = lines[begun + 1 :]
    assert first == "starting Ray on this machine"
    assert waited and all(line.startswith("starting Ray on this machine: ") for line in waited)
    assert started == f"{FIVE} started"
    assert ticks and all(tick.startswith("01-align_trace+cognit…+judge+check: ") for tick in ticks)
    assert done.startswith(f"{FIVE} done  ")
