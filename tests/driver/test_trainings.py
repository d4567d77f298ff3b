"""With what a training among the steps begins, and as what its student is asked afterwards."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from distilray.driver.trainings import Trainings
from distilray.planning import Available, RepeatStage, TrainingStage, plan
from distilray.recipe import parse
from distilray.storage import Store
from tests.support.checkpoints import make_student


@pytest.fixture
def world(tmp_path: Path) -> tuple[Trainings, list[TrainingStage]]:
    """The trainings of a recipe, and the stages of two rounds of the one in its repeat."""
    train = {"name": "learner", "student": "student", "start_from": "learner", "max_steps": 5, "system": "You add."}
    body = [{"answer": {"model": "teacher"}}, {"train": train}, {"score_student": {"model": "learner"}}]
    last = [{"name": "last", "student": "student", "start_from": "learner", "max_steps": 5}]
    return read(tmp_path, {"steps": [{"repeat": {"carry_over": "kept", "steps": body}}], "train": last})


def read(tmp_path: Path, sections: dict[str, Any]) -> tuple[Trainings, list[TrainingStage]]:
    """The trainings of a recipe with ``sections``, and the stages of those among its steps, in two rounds."""
    recipe: dict[str, Any] = {
        "models": {"teacher": {"kind": "echo"}, "student": {"path": make_student(tmp_path / "student"), "cpus": 0.5}},
        "sources": [{"name": "rows", "path": "rows.jsonl"}],
        "resources": {"runners": 1},
        **sections,
    }
    loaded = parse(yaml.safe_dump(recipe), "r.yaml")
    context: Any = SimpleNamespace(store=Store(tmp_path / "run"), run="run", logs=None)
    found = plan(loaded, "s", Available(4, 0)).stages
    rounds = [stage.in_round(k) if isinstance(stage, RepeatStage) else [stage] for stage in found for k in (1, 2)]
    stages = list({stage.name: stage for some in rounds for stage in some if isinstance(stage, TrainingStage)}.values())
    trainings = Trainings(context, loaded, lambda event: None)
    return trainings, stages


def run_without_training(trainings: Trainings, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Notes folder and beginning of each training in place of doing it."""
    began: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "distilray.driver.trainings._train", lambda spec, *_: began.append((spec.out, spec.student_path))
    )
    monkeypatch.setattr("distilray.driver.trainings._write_card", lambda *_: None)
    return began


def test_each_round_begins_where_the_one_before_ended_and_later_trainings_at_the_last(
    world: tuple[Trainings, list[TrainingStage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings, stages = world
    began = run_without_training(trainings, monkeypatch)
    base = trainings.recipe.models["student"].path  # type: ignore[union-attr]
    asked = [trainings.among(stage, []) for stage in stages]
    students = trainings.after([], "rows")
    run = trainings.context.store.base
    assert began == [
        ("training/learner-round-1", base),
        ("training/learner-round-2", f"{run}/training/learner-round-1/final"),
        ("training/last", f"{run}/training/learner-round-2/final"),
    ]
    assert [model.path for model in asked] == [f"{run}/training/learner-round-{k}/final" for k in (1, 2)]
    assert {model.system for model in asked} == {"You add."}
    assert {model.cpus for model in asked} == {0.5}  # as the student's engines have them
    assert (students.last, students.name) == ("training/last/final", "student")


def test_the_first_round_begins_where_the_second_name_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sft = {"name": "sft", "student": "student", "max_steps": 5}
    for first in ("sft", "student"):
        tuned = {"kind": "dpo", "name": "tuned", "student": "student", "start_from": ["tuned", first], "max_steps": 5}
        body = [{"preference_pairs": {"model": "sft", "verifier": "numeric"}}, {"train": tuned}]
        steps = [{"train": sft}, {"repeat": {"carry_over": "kept", "rounds": 2, "steps": body}}]
        trainings, stages = read(tmp_path, {"steps": steps, "train": []})
        began = run_without_training(trainings, monkeypatch)
        for stage in stages:
            trainings.among(stage, [])
        base, run = trainings.recipe.models["student"].path, trainings.context.store.base  # type: ignore[union-attr]
        assert began == [
            ("training/sft", base),
            ("training/tuned-round-1", f"{run}/training/sft/final" if first == "sft" else base),
            ("training/tuned-round-2", f"{run}/training/tuned-round-1/final"),
        ]


def test_a_pilot_asks_the_student_as_it_is(world: tuple[Trainings, list[TrainingStage]]) -> None:
    trainings, [first, _] = world
    trainings.skip = True
    assert trainings.among(first, []).path == trainings.recipe.models["student"].path  # type: ignore[union-attr]
    assert trainings.students.last is None
