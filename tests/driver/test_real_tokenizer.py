"""Every method on a random base student under the real Qwen2.5 tokenizer, whose eos is not the template's: all rows are
trained, every step has a gradient, and what is exported stops where it was taught to, in transformers and in vLLM."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from distilray.checkpoints import declared_stops, stop_ids
from distilray.driver import run
from distilray.storage import Store
from distilray.train import read_tokens
from distilray.train.loop.metrics import read_metrics
from tests.support.paths import SUPPORT
from tests.support.real_students import make_real_student

pytestmark = [pytest.mark.slow, pytest.mark.long]

RECIPE = """
name: real
models:
  student: {path: student, cpus: 0.5, max_model_len: 256}
  teacher: {path: ./teacher, dtype: float32, cpus: 0.5, max_model_len: 256}  # so sure of itself that bf16 tells
sources:
  - {name: pairs, path: pairs.jsonl, language: en}
  - {name: rated, path: rated.jsonl, language: en, keep: {label: bool}}
train:
  - &training
    kind: sft
    student: student
    rows: label is null
    max_steps: 2
    batch_size: 4
    micro_batch_size: 2
    max_length: 128
    learning_rate: 1.0e-3
    precision: fp32
    log_every: 1
    warmup: 0
    resources: {workers: 1, cpus_per_worker: 0.5}
  - {<<: *training, kind: dpo, start_from: sft}
  - {<<: *training, kind: dpo, name: dpkd, start_from: sft, reference: teacher, reference_by: live,
     loss: {sigmoid_norm: 1.0}}
  - {<<: *training, kind: simpo, start_from: sft}
  - {<<: *training, kind: kto, start_from: sft, rows: label is not null}
  - {<<: *training, kind: step_by_step}
  - {<<: *training, kind: distill, name: live, teacher: teacher, source: live, top_k: null, kd_weight: 1.0}
  - {<<: *training, kind: distill, name: stored, teacher: teacher, top_k: 8}
  - {<<: *training, kind: distill, name: sampled, teacher: teacher, source: live, top_k: 8,
     on_policy: {rounds: 2, max_tokens: 8}}
resources: {unit_rows: 32}
"""
METHODS = ("sft", "dpo", "dpkd", "simpo", "kto", "step_by_step", "live", "stored", "sampled")
ROWS = 8
ASKED = [[{"role": "user", "content": f"What is {k} plus 3?"}] for k in (2, 9)]


def write(folder: Path) -> None:
    for seed, name in enumerate(("student", "teacher")):
        make_real_student(folder / name, "qwen2.5-base", seed)
    with (folder / "pairs.jsonl").open("w") as pairs, (folder / "rated.jsonl").open("w") as rated:
        for k in range(ROWS):
            question, right, wrong = f"What is {k} plus 3?", f"It is {k + 3}.", f"It is {k + 4}."
            chosen = f"<think>\n{k} and 3 make {k + 3}.\n</think>\n\n{right}"
            pairs.write(json.dumps({"prompt": question, "chosen": chosen, "rejected": wrong}) + "\n")
            answer = {"completion": wrong, "label": False} if k % 2 else {"completion": right, "label": True}
            rated.write(json.dumps({"prompt": question, **answer}) + "\n")


@pytest.fixture(scope="module")
def trained(ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The run in which every method has trained a student."""
    folder = tmp_path_factory.mktemp("real")
    write(folder)
    (folder / "recipe.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        return run("recipe.yaml", directory=str(folder / "run")).store


@pytest.mark.parametrize("name", METHODS)
def test_all_rows_are_trained_with_a_gradient_and_the_export_stops_at_the_templates_token(
    name: str, trained: Store
) -> None:
    counts = read_tokens(trained, f"training/{name}/tokens").counts
    # The rows of the other source, pairs or rated answers, are not for this method.
    assert (counts.rows_in, counts.kept) == (2 * ROWS, ROWS), counts.reasons
    norms = [record["grad_norm"] for record in read_metrics(trained, f"training/{name}") if "loss" in record]
    assert len(norms) == 2
    assert all(norm > 0 for norm in norms), norms
    final = Path(trained.full(f"training/{name}/final"))
    assert "<|im_end|>" in declared_stops(final).declared
    assert json.loads((final / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"


def test_vllm_answers_from_every_export_with_the_tokens_of_transformers_and_stops_there(trained: Store) -> None:
    exports = [trained.full(f"training/{name}/final") for name in METHODS]
    answers = {}
    for engine in ("transformers", "vllm"):
        command = [sys.executable, str(SUPPORT / "greedy.py"), engine, "--ids", json.dumps(ASKED), *exports]
        done = subprocess.run(command, capture_output=True, text=True, timeout=800)
        assert done.returncode == 0, done.stderr[-3000:]
        answers[engine] = json.loads(done.stdout.splitlines()[-1])
    assert answers["vllm"] == answers["transformers"]
    for path, said in answers["vllm"].items():
        assert any(ids[-1] == stop_ids(Path(path))[0] for ids in said), (path, said)
