"""SFT, then preference optimisation from its result, as one recipe on a real cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.ledger import Manifest
from distilray.recipe import RecipeError, load_recipe
from distilray.storage import Store
from distilray.train.loop.metrics import read_metrics
from tests.support import command_line
from tests.train.methods.dpo.test_fit import STUDENT, practice_pairs

RECIPE = """
name: preferences
models:
  student: {{path: "{student}", cpus: 0.5}}
sources:
  - {{name: pairs, path: {folder}/pairs.jsonl, language: en}}
train:
  - &training
    kind: sft
    student: student
    max_steps: 4
    batch_size: 8
    micro_batch_size: 8
    max_length: 256
    learning_rate: 1.0e-3
    precision: fp32
    log_every: 1
    resources: {{workers: 1, cpus_per_worker: 0.5}}
  - {{<<: *training, kind: dpo, start_from: sft, learning_rate: 1.0e-4}}
resources: {{unit_rows: 32}}
"""


def write(folder: Path) -> str:
    with (folder / "pairs.jsonl").open("w") as file:
        for pair in practice_pairs(64):
            record = {"prompt": pair["messages"][0]["content"], "chosen": pair["answer"]}
            file.write(json.dumps(record | {"rejected": pair["rejected_answer"]}, ensure_ascii=False) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE.format(student=STUDENT, folder=folder))
    return str(folder / "recipe.yaml")


@pytest.mark.slow
@pytest.mark.long
def test_preferences_go_on_from_what_was_fine_tuned_and_are_the_runs_student(ray_cluster: None, tmp_path: Path) -> None:
    directory = str(tmp_path / "run")
    ended = command_line.distilray("run", write(tmp_path), "train.dpo.max_steps=28", "--run", directory)
    assert ended.code == 0, ended.err
    store = Store(directory)
    assert store.read_json("run.json")["student"] == "training/dpo/final"
    manifests = [Manifest.read(store, f"training/{name}") for name in ("sft", "dpo")]
    assert all(manifest is not None and manifest.finished for manifest in manifests)
    first = next(record for record in read_metrics(store, "training/dpo") if "loss" in record)
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3), "the reference is not what it started from"
    tuned = Path(store.full("training/sft/final/model.safetensors")).read_bytes()
    assert tuned != Path(store.full("training/dpo/final/model.safetensors")).read_bytes()
    told = "! training dpo: 3.5 passes over 64 rows memorise them; take 1 to 3 (max_steps), or more rows"
    assert told in ended.out.partition("\ndone in")[0]
    assert told in command_line.distilray("status", directory).out
    assert told.partition(": ")[2] in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_a_condition_over_columns_that_no_row_has_is_told_with_the_recipes_other_problems(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'gab is null' is not a condition over the rows' columns"):
        load_recipe(write(tmp_path), ["train.sft.rows=gab is null"])


def test_a_reference_must_be_a_model_of_the_recipe_with_weights(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="model 'teacher' is not defined in `models`"):
        load_recipe(write(tmp_path), ["train.dpo.reference=teacher"])
    assert load_recipe(write(tmp_path), ["train.dpo.reference=student"]).train[1].settings.student == "student"
