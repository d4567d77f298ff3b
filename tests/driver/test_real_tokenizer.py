"""Every method on a random base student under the real Qwen2.5 tokenizer, whose eos is not the template's: all rows are
trained, every step has a gradient, and what is exported stops where it was taught to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.checkpoints import declared_stops
from distilray.driver import run
from distilray.train import read_tokens
from distilray.train.loop.metrics import read_metrics
from tests.support.checkpoints import random_qwen2
from tests.support.templates import FAMILIES, real_tokenizer

RECIPE = """
name: real
models:
  student: {path: student, cpus: 0.5, max_model_len: 256}
  teacher: {path: ./teacher, cpus: 0.5, max_model_len: 256}
sources:
  - {name: pairs, path: pairs.jsonl, language: en}
train:
  - &training
    kind: sft
    student: student
    rows: "true"
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
  - {<<: *training, kind: step_by_step}
  - {<<: *training, kind: distill, name: live, teacher: teacher, source: live, top_k: null, kd_weight: 1.0}
  - {<<: *training, kind: distill, name: stored, teacher: teacher, top_k: 8}
  - {<<: *training, kind: distill, name: sampled, teacher: teacher, source: live, top_k: 8,
     on_policy: {rounds: 2, max_tokens: 8}}
resources: {unit_rows: 32}
"""
ROWS = 8


def write(folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    for seed, name in enumerate(("student", "teacher")):
        place = real_tokenizer(folder / name, FAMILIES["qwen2.5-base"])
        tokenizer = AutoTokenizer.from_pretrained(place)
        model = random_qwen2(
            tokenizer, vocab_size=151936, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=512,
        )  # fmt: skip
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)) * 0.02)
        model.save_pretrained(place)
    with (folder / "pairs.jsonl").open("w") as file:
        for k in range(ROWS):
            chosen = f"<think>\n{k} and 3 make {k + 3}.\n</think>\n\nIt is {k + 3}."
            record = {"prompt": f"What is {k} plus 3?", "chosen": chosen, "rejected": f"It is {k + 4}."}
            file.write(json.dumps(record) + "\n")


@pytest.mark.slow
@pytest.mark.long
def test_all_rows_are_trained_with_a_gradient_and_the_export_stops_at_the_templates_token(
    ray_cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    # The tests' cluster was started in another directory.
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("pairs.jsonl", str(tmp_path / "pairs.jsonl")))
    store = run("recipe.yaml", directory=str(tmp_path / "run")).store
    for name in ("sft", "dpo", "dpkd", "step_by_step", "live", "stored", "sampled"):
        counts = read_tokens(store, f"training/{name}/tokens").counts
        assert (counts.rows_in, counts.kept) == (ROWS, ROWS), (name, counts.reasons)
        norms = [record["grad_norm"] for record in read_metrics(store, f"training/{name}") if "loss" in record]
        assert len(norms) == 2
        assert all(norm > 0 for norm in norms), (name, norms)
        final = Path(store.full(f"training/{name}/final"))
        assert "<|im_end|>" in declared_stops(final).declared
        assert json.loads((final / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"
