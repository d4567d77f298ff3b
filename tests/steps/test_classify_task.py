"""The task of an instruction: from a language model, from a classifier, or from both."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import BadReply, LabelReply, ModelError
from distilray.prompts import TASK_TYPES
from distilray.steps.classify_task import ClassifyTask
from distilray.steps.shared.draws import draw
from tests.support.planted import go, problem


def given(**shares: float) -> LabelReply:
    """A classifier's reply; an underscore stands for a space."""
    ranked = {name.replace("_", " "): log(share) for name, share in shares.items()}
    return LabelReply(max(ranked, key=ranked.__getitem__), ranked, 9)


def test_a_language_model_labels_with_a_constrained_reply(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, ClassifyTask(model="teacher"), problem(task=None), teacher=["math"])
    assert (outcome.kind, outcome.columns) == ("kept", {"task": "math", "task_by": "model"})
    [(_, asked)] = engine.asked
    assert asked.constraint is not None and asked.constraint.value == list(TASK_TYPES)


def test_a_sentence_is_asked_again_and_then_fails(tmp_path: Path) -> None:
    step = ClassifyTask(model="teacher")
    outcome, _ = go(tmp_path, step, problem(), teacher=["A maths problem.", "math"])
    assert outcome.columns["task"] == "math"
    with pytest.raises(BadReply, match="expected exactly one of .* found 'maths'"):
        go(tmp_path / "again", step, problem(), teacher=["maths"] * 3)


def test_a_classifier_labels_alone(tmp_path: Path) -> None:
    outcome, engine = go(
        tmp_path, ClassifyTask(classifier="tasks"), problem(), tasks=[given(code_debugging=0.7, math=0.3)]
    )
    assert outcome.columns["task"] == "code debugging" and outcome.columns["task_by"] == "classifier"
    assert outcome.columns["task_probability"] == pytest.approx(0.7)
    assert engine.models() == ["tasks"]


def test_what_it_is_not_sure_of_goes_to_the_model_and_both_labels_are_kept(tmp_path: Path) -> None:
    step = ClassifyTask(classifier="tasks", at_least=0.8, model="teacher")
    outcome, _ = go(tmp_path, step, problem(), tasks=[given(math=0.6, physics=0.4)], teacher=["physics"])
    found = outcome.columns
    assert (found["task"], found["task_by"]) == ("physics", "model")
    assert (found["task_by_classifier"], found["task_by_model"]) == ("math", "physics")
    assert "task_agreed" not in found  # these are the hard ones, and no sample
    sure, engine = go(tmp_path / "sure", step, problem(), tasks=[given(math=0.9, physics=0.1)], teacher=[])
    assert sure.columns["task_by"] == "classifier" and "task_agreed" not in sure.columns
    assert engine.models() == ["tasks"]


def test_without_a_model_an_unsure_row_is_rejected(tmp_path: Path) -> None:
    step = ClassifyTask(classifier="tasks", at_least=0.8)
    outcome, _ = go(tmp_path, step, problem(), tasks=[given(math=0.6, physics=0.4)])
    assert (outcome.kind, outcome.reason, outcome.columns["task"]) == ("rejected", "classifier not sure", "math")


def test_a_share_of_the_sure_rows_is_audited_always_the_same_ones(tmp_path: Path) -> None:
    step = ClassifyTask(classifier="tasks", model="teacher", audit=0.25)
    rows = [problem(id=f"r{k}") for k in range(200)]
    audited = [row for row in rows if draw(row, "audit") < 0.25]
    assert 30 < len(audited) < 70
    inside, outside = audited[0], next(row for row in rows if row not in audited)
    outcome, _ = go(tmp_path, step, inside, tasks=[given(math=0.9, physics=0.1)], teacher=["math"])
    assert (outcome.columns["task"], outcome.columns["task_agreed"]) == ("math", 1)
    assert outcome.columns["task_by_classifier"] == outcome.columns["task_by_model"] == "math"
    outcome, engine = go(tmp_path / "other", step, outside, tasks=[given(math=0.9, physics=0.1)], teacher=[])
    assert "task_agreed" not in outcome.columns and engine.models() == ["tasks"]


def test_a_type_that_the_source_names_can_stay(tmp_path: Path) -> None:
    step = ClassifyTask(model="teacher", keep_given=True)
    outcome, engine = go(tmp_path, step, problem(task="history"), teacher=[])
    assert outcome.apply(problem(task="history"))["task"] == "history" and engine.asked == []
    outcome, _ = go(tmp_path / "other", step, problem(task="maths"), teacher=["math"])
    assert outcome.columns["task"] == "math"


def test_a_classifier_with_labels_of_its_own_fails_the_row(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'sums', which is no task type"):
        go(tmp_path, ClassifyTask(classifier="tasks"), problem(), tasks=[given(sums=0.9, prose=0.1)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "nobody labels"),
        ({"model": "teacher", "at_least": 0.5}, "about the classifier's labels"),
        ({"classifier": "tasks", "audit": 0.1}, "audit needs a language model"),
        ({"classifier": "tasks", "audit": 2}, "less than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClassifyTask.model_validate(settings)


def test_a_recipe_knows_which_model_has_to_be_a_classifier() -> None:
    step = ClassifyTask(classifier="tasks", model="teacher")
    assert step.models_used() == {"model": {"teacher"}, "classifier": {"tasks"}}
    assert step.classifier_settings() == {"classifier"}
