"""A curriculum on real parts, killed in its second round: it goes on there, and what the first round made stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distilray.ledger import Manifest, reconcile
from distilray.report.run_status import status
from distilray.storage import Store
from distilray.train.loop.metrics import read_metrics

RECIPE = """
name: curriculum
models:
  student:
    path: package://distilray.practice/checkpoints/student_warm
    cpus: 0.5
    max_num_seqs: 64
    max_model_len: 512
    sampling: {max_tokens: 96}
sources:
  - {name: traces, uses: "distilray.practice:traces", with: {rows: 160, seed: 1, wrong: 0, column: answer}}
steps:
  - repeat:
      name: cur
      rounds: 2
      carry_over: kept
      steps:
        - curriculum_draw: {by: student_score, hard_share: [0.25, 0.75], top: 64}
        - train: {name: learner, student: student, start_from: learner, rows: drawn is not null, max_steps: 40,
                  batch_size: 16, learning_rate: 1.0e-3, precision: fp32, max_length: 320, save_every: 10, log_every: 1,
                  resources: {workers: 1, cpus_per_worker: 1}}
        - score_student: {model: learner}
resources: {unit_rows: 40}
"""
FIRST, SECOND = "training/learner-round-1", "training/learner-round-2"


def started(recipe: Path, directory: Path) -> subprocess.Popen[bytes]:
    log = open(directory.with_suffix(".log"), "ab")  # noqa: SIM115  (lives as long as the process)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    command = [sys.executable, "-m", "distilray.cli", "run", str(recipe), "--run", str(directory)]
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def wait_for(condition: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def stamps(store: Store, *folders: str) -> dict[str, float]:
    return {path: os.path.getmtime(store.full(path)) for folder in folders for path in store.files_below(folder)}


def rows_of(store: Store, folder: str) -> dict[str, dict]:
    names = [name for name in store.names(folder) if name.endswith(".parquet")]
    tables = [pq.read_table(store.full(f"{folder}/{name}")) for name in names]
    return {row["id"]: row for table in tables for row in table.to_pylist()}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_curriculum_killed_in_its_second_round_goes_on_there(tmp_path: Path) -> None:
    recipe, directory = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(RECIPE)
    store = Store(str(directory))
    driver = started(recipe, directory)
    wait_for(lambda: bool(store.names(f"{SECOND}/checkpoints")) or driver.poll() is not None)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL, directory.with_suffix(".log").read_text()[-2000:]
    done = stamps(store, "steps/01-cur/round-1", FIRST, "steps/01-cur/round-2/01-curriculum_draw")
    assert f"{FIRST}/final/model.safetensors" in done
    manifest = Manifest.read(store, SECOND)
    assert manifest is not None and manifest.finished is None, "it was killed too late to show anything"

    second = started(recipe, directory)
    assert second.wait(timeout=900) == 0, directory.with_suffix(".log").read_text()[-2000:]
    assert stamps(store, "steps/01-cur/round-1", FIRST, "steps/01-cur/round-2/01-curriculum_draw") == done
    assert reconcile(store, deep=True).ok

    found = json.loads(json.dumps(status(store)))
    assert [(training["name"], training["complete"]) for training in found["training"]] == [
        ("learner-round-1", True), ("learner-round-2", True),
    ]  # fmt: skip
    told = [step["counted"]["drawn"] for step in found["steps"] if step["name"] == "curriculum_draw"]
    assert told[0] == {"easy": 64}  # nobody has asked the student yet
    scores = {i: row["student_score"] for i, row in rows_of(store, "steps/01-cur/round-1/03-score_student").items()}
    hard = sum(score <= 0.5 for score in scores.values())
    of_hard = min(hard, max(48, 64 - (160 - hard)))  # few easy ones there are after so short a training
    assert told[1] == {what: n for what, n in (("hard", of_hard), ("easy", 64 - of_hard)) if n}
    drawn = {i: row["drawn"] for i, row in rows_of(store, "steps/01-cur/round-2/01-curriculum_draw/decisions").items()}
    assert all((scores[i] <= 0.5) == (what == "hard") for i, what in drawn.items() if what)
    assert len(drawn) == 160  # nobody left
    losses = [[r["loss"] for r in read_metrics(store, folder) if "loss" in r] for folder in (FIRST, SECOND)]
    assert losses[1][0] < losses[0][0] - 0.1  # the second round went on from the first one's student
    assert len(losses[1]) == 40
