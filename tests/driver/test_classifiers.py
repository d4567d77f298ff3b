"""A classifier fitted in one recipe labels the rows of another, on a real cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.driver import run
from distilray.driver.outputs import outputs
from distilray.ledger import Manifest, kept_rows
from tests.support.checkpoints import make_encoder
from tests.support.encoder import problems

FIT = """
name: fit
models:
  tasks: {{kind: classifier, path: "{encoder}"}}
sources:
  - {{name: labelled, path: {folder}/labelled.jsonl, keep: {{operation: string}}}}
train:
  - kind: classify
    student: tasks
    column: operation
    max_steps: 200
    batch_size: 32
    micro_batch_size: 32
    max_length: 128
    learning_rate: 3.0e-3
    class_weights: balanced
    precision: fp32
    log_every: 5
    resources: {{workers: 1, cpus_per_worker: 0.5}}
"""
LABEL = """
name: label
models:
  tasks: {{kind: classifier, path: "{folder}/fit/training/classify/final", cpus: 0.5, replicas: 2}}
sources:
  - {{name: unseen, path: {folder}/unseen.jsonl, keep: {{operation: string}}}}
steps:
  - classify: {{model: tasks, into: guessed, at_least: 0.5}}
resources: {{runners: 1, runner_cpus: 0.1, unit_rows: 64}}
"""


def write(folder: Path, name: str, made: list[dict]) -> None:
    records = [{"instruction": row["messages"][0]["content"], "operation": row["operation"]} for row in made]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.mark.slow
@pytest.mark.long
def test_a_classifier_of_one_recipe_labels_the_rows_of_the_next(ray_cluster: None, tmp_path: Path) -> None:
    write(tmp_path, "labelled", problems(500))
    write(tmp_path, "unseen", problems(200, seed=7, split="held_out"))
    encoder = make_encoder(tmp_path / "encoder")
    for name, recipe in (("fit", FIT), ("label", LABEL)):
        (tmp_path / f"{name}.yaml").write_text(recipe.format(folder=tmp_path, encoder=encoder))
    fitted = run(str(tmp_path / "fit.yaml"), directory=str(tmp_path / "fit"))
    assert fitted.student is None, "a classifier is nobody to talk to"
    manifest = Manifest.read(fitted.store, "training/classify")
    assert manifest is not None and manifest.details["held_out"]["accuracy"] > 0.85
    card = (tmp_path / "fit" / "training" / "classify" / "final" / "README.md").read_text()
    assert "text-classification" in card and "column `operation`" in card and "macro F1" in card
    labelled = run(str(tmp_path / "label.yaml"), directory=str(tmp_path / "label"))
    rows = [row for unit in outputs(labelled.store) for row in kept_rows(labelled.store, unit).to_pylist()]
    assert len(rows) > 160
    assert sum(row["guessed"] == row["operation"] for row in rows) / len(rows) > 0.85
    assert all(0.5 <= row["guessed_probability"] <= 1 and row["guessed_by"] == "classifier" for row in rows)
    status = {step.name: step for step in Manifest.read(labelled.store, "steps/01-classify").steps}  # type: ignore[union-attr]
    assert status["classify"].rows_in == 200
