"""A small model takes a step's part: trained on one run's demonstrations, asked by the next run's step, read by its
parser."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distilray.driver import run
from distilray.ledger import Manifest
from distilray.storage import Store

MODEL = "{{path: {path}, cpus: 0.75, max_num_seqs: 128, max_model_len: 768, sampling: {{max_tokens: 192}}}}"
JUDGE = MODEL.format(path="package://distilray.practice/checkpoints/judge")
WARM = "package://distilray.practice/checkpoints/student_warm"
TRACES = (
    '{{name: traces, uses: "distilray.practice:traces", keep: {{truth_rating: string}}, '
    "with: {{rows: {rows}, seed: {seed}, wrong: 0, column: answer}}}}"
)

FIRST = f"""
name: has_demonstrations
models: {{judge: {JUDGE}, student: {MODEL.format(path=WARM)}}}
sources: [{TRACES.format(rows=800, seed=1)}]
steps: [{{rate_trace: {{model: judge}}}}]
train:
  - {{kind: sft, name: rater, student: student, learn: {{step: rate_trace}}, max_steps: 200, batch_size: 16,
     micro_batch_size: 8, learning_rate: 2.0e-3, schedule: linear, precision: fp32, max_length: 512, save_every: 50,
     resources: {{workers: 2, cpus_per_worker: 0.75}}}}
resources: {{unit_rows: 200}}
"""
NEXT = """
name: takes-over
models: {{rater: {model}}}
sources: [{traces}]
steps: [{{rate_trace: {{model: rater}}}}]
resources: {{unit_rows: 100}}
"""


def share_right(folder: Path, path: str) -> float:
    """The share of new traces that the model at ``path`` rates as they truly are, as the step's own model."""
    recipe = folder / "next.yaml"
    recipe.write_text(NEXT.format(model=MODEL.format(path=path), traces=TRACES.format(rows=200, seed=2)))
    store = run(str(recipe), directory=str(folder / f"run-{Path(path).name}")).store
    stage = "steps/01-rate_trace"
    units = [name for name in store.names(stage) if name.endswith(".parquet")]
    rows = [row for name in units for row in pq.read_table(store.full(f"{stage}/{name}")).to_pylist()]
    assert [row["outcome"] for row in rows] == ["kept"] * 200  # every reply parses
    return sum(row["rating"] == row["truth_rating"] for row in rows) / len(rows)


@pytest.mark.long
def test_a_tiny_model_learns_to_rate_from_a_larger_ones_ratings(ray_cluster: None, tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(FIRST)
    store: Store = run(str(tmp_path / "first.yaml"), directory=str(tmp_path / "first")).store
    manifest = Manifest.read(store, "training/rater")
    assert manifest is not None
    assert manifest.details["demonstrations"]["kept"] == 800
    assert "the step `rate_trace`" in store.read("training/rater/final/README.md").decode()
    before, after = (share_right(tmp_path, path) for path in (WARM, store.full("training/rater/final")))
    assert after > before + 0.2
