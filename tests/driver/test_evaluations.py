"""Evaluations of a recipe around the echo engine: killed and resumed, they give the same numbers over all questions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilray.ledger import reconcile
from distilray.storage import Store

pytestmark = pytest.mark.slow
QUESTIONS = 480
FOLDER = "evaluations/teacher/sums"
RECIPE = """
name: echo
seed: 7
models:
  teacher: {{kind: echo, tokens: 8, latency_s: 0.5}}
sources:
  - {{name: one, path: {folder}/one.jsonl, language: en}}
evaluate:
  - {{name: sums, source: {{name: sums, path: {folder}/sums.jsonl, language: en}}, models: [teacher], phrasings: 2}}
resources: {{unit_rows: 32, runners: 2, runner_cpus: 0.1, rows_in_flight: 64}}
"""


def recipe(folder: Path) -> str:
    """Questions whose last number the echo engine repeats; every third reference is another number."""
    rows = [
        {"instruction": f"marker-{k} what is {k}", "reference": str(k if k % 3 else k + 1)} for k in range(QUESTIONS)
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "one.jsonl").write_text(json.dumps({"instruction": "anything", "reference": "1"}) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder))
    return str(folder / "recipe.yaml")


def started(text: str, directory: Path) -> subprocess.Popen[bytes]:
    log = open(directory.with_suffix(".log"), "ab")  # noqa: SIM115  (lives as long as the process)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    command = [sys.executable, "-m", "distilray.cli", "run", text, "--run", str(directory)]
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def units(store: Store) -> list[str]:
    return [name for name in store.names(FOLDER) if name.endswith(".parquet")]


def published(store: Store) -> tuple[dict[str, Any], pa.Table]:
    """The results and the samples of the run's one evaluation."""
    results, samples = store.names(f"{FOLDER}/results")
    return store.read_json(f"{FOLDER}/results/{results}"), pq.read_table(store.full(f"{FOLDER}/results/{samples}"))


def numbers(record: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on when and how often the run was started."""
    own = {name: value for name, value in record["distilray"].items() if name != "conditions"}
    return {"results": record["results"], "n-samples": record["n-samples"], "own": own}


def test_a_killed_evaluation_that_goes_on_has_the_numbers_of_all_questions(tmp_path: Path):
    text, directory = recipe(tmp_path), tmp_path / "killed"
    store = Store(str(directory))
    first = started(text, directory)
    deadline = time.monotonic() + 300
    while len(units(store)) < 3:
        assert time.monotonic() < deadline and first.poll() is None, "no unit was answered"
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert 0 < len(units(store)) < QUESTIONS // 32, "it was killed too late to show anything"
    assert not store.exists(f"{FOLDER}/result.json")
    whole = tmp_path / "whole"
    for place in (directory, whole):
        assert started(text, place).wait(timeout=600) == 0, place.with_suffix(".log").read_text()[-2000:]
    assert reconcile(store, deep=True).ok
    (resumed, answers), (alone, expected) = published(store), published(Store(str(whole)))
    assert numbers(resumed) == numbers(alone)
    assert resumed["n-samples"]["sums"] == {"original": QUESTIONS, "effective": QUESTIONS}
    assert resumed["results"]["sums"]["exact_match,none"] == pytest.approx(2 / 3)
    assert len(resumed["distilray"]["phrasings"]) == 2
    by = [("question", "ascending"), ("sample", "ascending")]
    assert answers.sort_by(by).to_pylist() == expected.sort_by(by).to_pylist()
    assert len(answers) == 2 * QUESTIONS
    about = resumed["distilray"]["conditions"]
    assert about["seed"] == 7 and "ray" in about["versions"] and about["prompts"]
    assert about["benchmark"]["phrasings"] == 2 and about["usage"]["teacher"]["replies"] >= QUESTIONS
