"""``distilray plan`` of a training: GPUs, machines and files, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import command_line

RECIPE = """
models:
  student: {path: Qwen/Qwen2.5-32B}
sources:
  - {name: rows, path: ROWS}
train:
  - kind: sft
    student: student
    epochs: 1
    micro_batch_size: 1
    activation_checkpointing: true
    resources: {workers: 8, gpus_per_worker: 1}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    rows, path = tmp_path / "rows.jsonl", tmp_path / "recipe.yaml"
    rows.write_text('{"instruction": "a", "output": "b"}\n')
    path.write_text(RECIPE.replace("ROWS", str(rows)))
    return str(path)


def test_the_table_has_machines_checkpoints_and_times(recipe: str) -> None:
    ended = command_line.distilray("plan", recipe, "--machines", "8x80,host=900,storage=2")
    lines = {tuple(line.split()) for line in ended.out.splitlines()}
    head = "training, GiB a machine; files at 2 GB/s loading offloaded export in all of to read checkpoint student"
    row = "sft 122.0 0.0 61.0 146.1 900 65.5 GB, 33 s 393.2 GB, 3:17 65.5 GB, 33 s"
    assert ended.code == 0
    assert tuple(head.split()) in lines
    assert tuple(row.split()) in lines, ended.out


def test_json_has_the_same_figures(recipe: str) -> None:
    ended = command_line.distilray("plan", recipe, "--machines", "8x80,host=900,storage=2", "--json")
    found = json.loads(ended.out)
    assert found["machines"]["host_gib"] == 900
    assert found["trainings"][0]["files_gb"]["checkpoint_s"] == 196.6


def test_json_says_what_would_fit(recipe: str) -> None:
    ended = command_line.distilray("plan", recipe, "train.0.offload=true", "--machines", "8x80,host=500", "--json")
    found = json.loads(ended.out)
    (training,), (problem,) = found["trainings"], found["problems"]
    assert (ended.code, training["fits"]) == (2, False)
    assert "a machine needs about 634.3 GiB of its own memory" in problem
    assert "offload: false" in training["would_fit"]


def test_json_says_that_gpus_are_too_few(recipe: str) -> None:
    ended = command_line.distilray("plan", recipe, "--machines", "4x80", "--json")
    assert ended.code == 2
    assert "8 workers need 8 CPUs and 8 GPUs" in json.loads(ended.out)["problems"][0]


def test_a_machine_spec_that_cannot_be_read_is_wrong_input(recipe: str) -> None:
    ended = command_line.distilray("plan", recipe, "--machines", "8x80,host")
    assert ended.code == 2
    assert "--machines: '8x80,host' is not a machine spec" in ended.err


STEPS = """
models: {{teacher: {{kind: echo}}}}
sources: [{{name: rows, path: {path}}}]
steps: [{{answer: {{model: teacher}}}}]
resources: {{runners: 1, runner_cpus: 0.1}}
"""


def with_rows(folder: Path, text: str) -> str:
    (folder / "rows.jsonl").write_text(text)
    (folder / "recipe.yaml").write_text(STEPS.format(path=folder / "rows.jsonl"))
    return str(folder / "recipe.yaml")


def test_malformed_records_are_not_planned_for_and_named(tmp_path: Path) -> None:
    ended = command_line.distilray("plan", with_rows(tmp_path, '{"instruction": "a"}\n{broken\n'))
    assert ended.code == 0
    assert ended.out.startswith("run: 1 row from 1 source\n")
    assert "! source rows: 1 of 2 records malformed, the first: not JSON; " in ended.out


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_source_that_a_run_refuses_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = command_line.distilray("plan", with_rows(tmp_path, '{"text": "a"}\n'), *words)
    assert ended.code == 2
    assert "has no usable row; the only one is malformed: no known form" in ended.err + ended.out


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_step_that_reads_what_no_row_has_is_refused_as_a_run_refuses_it(tmp_path: Path, words: tuple) -> None:
    recipe = with_rows(tmp_path, '{"instruction": "a"}\n{"instruction": "b", "output": ""}\n')
    steps = "steps=[{check: {language: false, reference: none}}]"
    ended = command_line.distilray("plan", recipe, steps, *words)
    assert ended.code == 2
    assert "step 'check' reads the column 'answer', which no source and no earlier step writes" in ended.err + ended.out
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a", "output": "b"}\n{"instruction": "c"}\n')
    assert command_line.distilray("plan", recipe, steps, *words).code == 0


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_questions_of_a_benchmark_that_cannot_be_read_are_refused(tmp_path: Path, words: tuple) -> None:
    recipe = with_rows(tmp_path, '{"instruction": "a"}\n')
    questions = tmp_path / "questions.jsonl"
    evaluate = f"evaluate=[{{name: q, models: [teacher], source: {{name: q, path: {questions}}}}}]"
    ended = command_line.distilray("plan", recipe, evaluate, *words)
    assert ended.code == 2
    assert "questions.jsonl: does not exist" in ended.err + ended.out
    questions.write_text('{"question": "2+3?", "answer": "5"}\n')
    ended = command_line.distilray("plan", recipe, evaluate, *words)
    assert ended.code == 0, ended.err
