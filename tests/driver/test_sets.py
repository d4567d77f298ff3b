"""Steps over the whole set in a run on a real Ray cluster: what is planted leaves, and every row is accounted for."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from distilray.driver import run
from distilray.errors import InputError
from distilray.ledger import reconcile
from distilray.report.run_status import status
from distilray.storage import Store

pytestmark = pytest.mark.slow
RECIPE = """
name: sets
models:
  teacher: {kind: echo, tokens: 8}
sources:
  - {name: rows, path: FOLDER/rows.jsonl, language: en}
steps:
  - deduplicate
  - decontaminate
  - balance: {shares: {math: 0.5, writing: 0.5}, rows: 80}
  - answer: {model: teacher}
  - find_boilerplate: {above: 0.9, then: mark}
evaluate:
  - {name: riddles, source: {name: test, path: FOLDER/test.jsonl}, models: [teacher], compare: numeric}
resources: {unit_rows: 32, runners: 1, runner_cpus: 0.1}
"""
RIDDLE = "What walks on four legs in the morning, on two legs at noon, and on three legs in the evening of its days?"


def write(folder: Path) -> str:
    """100 different questions, 20 copies of them, 5 questions of the benchmark; a third of the rows is mathematics."""
    draw = random.Random(1)
    texts = [" ".join("".join(draw.choices("abcdefghij", k=6)) for _ in range(20)) for _ in range(100)]
    texts += [text.upper() + "!" for text in texts[:20]]
    texts += [f"{RIDDLE} Answer in {k} words." for k in ("one", "two", "ten", "few", "no")]
    records = [
        {"instruction": text, "task": ("math", "writing", "writing")[k % 100 % 3]} for k, text in enumerate(texts)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "test.jsonl").write_text(json.dumps({"instruction": RIDDLE, "reference": "man"}) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE.replace("FOLDER", str(folder)))
    return str(folder / "recipe.yaml")


def counts(store: Store) -> dict[str, tuple[int, int, int]]:
    return {step["name"]: (step["rows_in"], step["kept"], step["rejected"]) for step in status(store)["steps"]}


def test_what_is_planted_leaves_and_every_row_is_accounted_for(ray_cluster: None, tmp_path: Path) -> None:
    recipe = write(tmp_path)
    store = run(recipe, directory=str(tmp_path / "run")).store
    found = counts(store)
    assert found["deduplicate"] == (125, 101, 24)  # 20 copies, and of five wordings of the riddle four
    assert found["decontaminate"] == (101, 100, 1)
    assert found["balance"][1] == 74  # 34 of mathematics, which are all there are, and 40 of 66
    assert found["find_boilerplate"] == (74, 74, 0)
    assert reconcile(store, deep=True).ok
    reasons = {reason for step in status(store)["steps"] for reason in step["reasons"]}
    assert {"rejected: exact duplicate", "rejected: holds a question of riddles"} <= reasons


def test_a_changed_benchmark_decides_anew_and_an_unknown_task_stops_the_run(ray_cluster: None, tmp_path: Path) -> None:
    recipe, directory = write(tmp_path), str(tmp_path / "run")
    store = run(recipe, directory=directory, only_steps=True).store
    before = counts(store)
    other = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[50])["instruction"]
    (tmp_path / "test.jsonl").write_text(json.dumps({"instruction": other, "reference": "man"}) + "\n")
    store = run(recipe, directory=directory, only_steps=True).store
    after = counts(store)
    assert after["deduplicate"] == before["deduplicate"]
    assert after["decontaminate"][2] == 1
    with pytest.raises(InputError, match="no row is of the task 'poetry'"):
        run(recipe, ["steps.2.balance.shares={math: 0.5, poetry: 0.5}"], directory=directory, only_steps=True)
