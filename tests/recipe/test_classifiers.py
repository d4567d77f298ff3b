"""Recipes with classifiers: which model may stand where, what comes of their columns, what a training of one needs."""

from __future__ import annotations

import pytest

from distilray.planning import Available, training_needs
from distilray.recipe import Recipe, RecipeError, parse
from tests.support.checkpoints import make_encoder

RECIPE = """
models:
  tasks: {{kind: classifier, path: "{encoder}"}}
  teacher: {{kind: echo}}
  student: {{path: Qwen/Qwen2.5-7B}}
sources:
  - {{name: rows, path: rows.jsonl, keep: {{operation: string, level: int}}}}
steps:
  - label: {{model: teacher, labels: [maths, code], into: kind_of_task}}
train:
  - {{kind: classify, student: tasks, column: kind_of_task, epochs: 1, precision: fp32}}
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_encoder(tmp_path_factory.mktemp("encoder"), layers=2)


def parsed(encoder: str, *overrides: str) -> Recipe:
    return parse(RECIPE.format(encoder=encoder), "r.yaml", list(overrides))


def test_a_classifier_is_trained_on_what_a_judge_wrote(encoder: str) -> None:
    [entry] = parsed(encoder).train
    assert (entry.settings.kind, entry.directory) == ("classify", "training/classify")
    assert parsed(encoder, "train.classify.column=level", "train.classify.reads=[answer]").train


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.classify.column=kind_of_tasks", "trains on the column 'kind_of_tasks', which no source and no step"),
        ("train.classify.student=teacher", "'teacher' is of kind echo; a classifier begins as a model of `kind: clas"),
        ("train.classify.student=student", "'student' is of kind vllm; a classifier begins"),
        ("train.0={kind: sft, student: tasks, epochs: 1}", "'tasks' is of kind classifier; train it with a training"),
        ("steps.label.model=tasks", "'tasks' is a classifier; this asks for a model that answers"),
        ("steps.0={classify: {model: teacher}}", "'teacher' is of kind echo; this asks for one of kind classifier"),
        ("steps.0={classify: {model: tasks}}", "BertModel has no classification head; train one with"),
        ("steps.0={classify: {model: nobody}}", "model 'nobody' is not defined"),
        ("train.classify.sharding=fsdpp", "sharding"),
    ],
)
def test_models_that_do_not_fit_their_place_are_named(encoder: str, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parsed(encoder, override)


def test_a_classifier_is_no_student_to_examine(encoder: str) -> None:
    benchmark = "evaluate=[{name: b, source: {name: s, path: s.jsonl}, models: [%s]}]"
    with pytest.raises(RecipeError, match="student_after needs a training in `train` whose student answers"):
        parsed(encoder, benchmark % "student_after")
    with pytest.raises(RecipeError, match="'tasks' is a classifier and answers no questions"):
        parsed(encoder, benchmark % "tasks")


def test_a_classifier_does_not_start_from_an_answering_student(encoder: str) -> None:
    first = "{kind: sft, student: student, epochs: 1, rows: 'true'}"
    second = "{kind: classify, student: tasks, column: level, epochs: 1, start_from: sft}"
    with pytest.raises(RecipeError, match="a training of kind classify does not start from one of kind sft"):
        parsed(encoder, f"train=[{first}, {second}]")


def test_the_plan_counts_an_encoder_without_logits_and_with_an_ungated_mlp(encoder: str) -> None:
    [need] = training_needs(parsed(encoder), Available(4, 0, 16))
    assert need.memory is not None and need.memory.logits == 0
    from transformers import AutoModel

    counted = sum(p.numel() for p in AutoModel.from_pretrained(encoder).parameters())
    assert need.memory.weights == pytest.approx(4 * counted, rel=0.15)
