"""Distilling step-by-step in the practice world: both losses fall, and the student says the answer and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distilray.driver import run
from distilray.report.run_status import status
from distilray.train.loop.metrics import read_metrics

RECIPE = """
name: two-targets
models:
  student:
    path: package://distilray.practice/checkpoints/student_warm
    cpus: 0.5
    max_num_seqs: 64
    max_model_len: 512
    sampling: {max_tokens: 64}
sources:
  - {name: traces, uses: "distilray.practice:traces", with: {rows: 400, seed: 1, wrong: 0, shares: {medium: 1}, column: answer}}
steps:
  - separate_trace
train:
  - {kind: step_by_step, student: student, rationale_weight: 0.5, max_steps: 60, batch_size: 16, micro_batch_size: 8,
     learning_rate: 3.0e-3, schedule: linear, precision: fp32, max_length: 192, save_every: 60, log_every: 5,
     holdout: 0.1, evaluate_every: 60, resources: {workers: 2, cpus_per_worker: 0.75}}
evaluate:
  - name: practice
    source: {name: held-out, uses: "distilray.practice:problems", with: {rows: 40, seed: 2, split: held_out}}
    models: [student_after]
resources: {unit_rows: 100}
"""  # noqa: E501


@pytest.mark.long
def test_the_student_learns_both_targets_and_says_the_label_alone(ray_cluster: None, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    store = run(str(tmp_path / "recipe.yaml"), directory=str(tmp_path / "run")).store
    records = read_metrics(store, "training/step_by_step")
    for name in ("label_loss", "rationale_loss"):
        figures = [record[name] for record in records if name in record]
        assert figures[-1] < 0.8 * figures[0], name
        [held_out] = [record[f"held_out_{name}"] for record in records if f"held_out_{name}" in record]
        assert held_out < figures[0], name
    for record in records:
        if "loss" in record:
            assert record["loss"] == pytest.approx(record["label_loss"] + 0.5 * record["rationale_loss"], abs=1e-3)
    folder = "evaluations/student_after/practice"
    units = [name for name in store.names(folder) if name.endswith(".parquet")]
    said = [answer for name in units for answer in pq.read_table(store.full(f"{folder}/{name}"))["answer"].to_pylist()]
    alone = [answer for answer in said if re.fullmatch(r"(answer|答案): ?\d+", answer)]
    assert len(said) == 40
    assert len(alone) >= 36, said[:5]
    [result] = status(store)["evaluations"]
    assert result["mean_output_tokens"] < 12  # a worked solution takes about 45
