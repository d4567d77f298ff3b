"""Engines whose model is asked again stay up, where there is room; the time between phases is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from distilray.driver import run
from distilray.driver.residents import Residents, asked_after, asked_by, asked_by_evaluations, asked_by_training
from distilray.models import EchoModel
from distilray.planning import Available, RepeatStage, TrainingStage, plan
from distilray.recipe import TrainEntry, load_recipe
from distilray.report import status
from distilray.train import DPOSettings
from tests.support.paths import RECIPES

QUICKSTART = load_recipe(RECIPES / "quickstart.yaml")
CONTEXT: Any = SimpleNamespace(run="run", logs=None)


def in_the_way(available: Available) -> list[str]:
    """Of the quickstart's teacher and judge, which are running: those that have to go before its training."""
    residents = Residents(CONTEXT, QUICKSTART, available)
    residents.ahead = asked_by_evaluations(QUICKSTART)
    [training] = QUICKSTART.train
    return residents.in_the_way(training, {name: QUICKSTART.models[name] for name in ("teacher", "judge")})


def test_the_teacher_stays_beside_a_training_for_the_evaluation_and_the_judge_whom_nobody_asks_goes() -> None:
    assert in_the_way(Available(2, 0, memory_gib=32)) == ["judge"]


def test_it_goes_where_cpus_or_memory_are_too_few_for_both() -> None:
    assert in_the_way(Available(1.75, 0, memory_gib=32)) == ["judge", "teacher"]
    assert in_the_way(Available(2, 0, memory_gib=2)) == ["judge", "teacher"]


def test_engines_that_a_training_starts_itself_are_stopped_before_it() -> None:
    [training] = QUICKSTART.train
    student = replace(training, settings=training.settings.model_copy(update={"student": "teacher"}))
    residents = Residents(CONTEXT, QUICKSTART, Available(64, 0, memory_gib=512))
    residents.ahead = asked_by_evaluations(QUICKSTART)
    assert residents.in_the_way(student, {"teacher": QUICKSTART.models["teacher"]}) == ["teacher"]


def test_what_is_asked_after_a_stage_counts_rounds_and_benchmarks() -> None:
    teacher, judge = EchoModel(tokens=1), EchoModel(tokens=2)
    phase: Any = plan(QUICKSTART, "s", Available(2, 0)).stages[0]
    asks_judge = replace(phase, models={"judge": judge})
    rounds = RepeatStage("steps/02-again", 3, "kept", None, {}, None, (asks_judge, replace(phase, models={})))
    assert asked_by([replace(phase, models={"teacher": teacher}), rounds], QUICKSTART) == [
        {"teacher": teacher},
        {"judge": judge},
        {},
    ]
    assert asked_by_evaluations(QUICKSTART) == [{"teacher": QUICKSTART.models["teacher"]}]


def preferring(**settings: Any) -> TrainEntry:
    """A training on pairs of the quickstart's student, by the name of its training."""
    return TrainEntry(DPOSettings(name=QUICKSTART.train[0].name, student="student", max_steps=5, **settings))


def test_engines_that_a_training_asks_as_they_are_stay_until_its_workers_start() -> None:
    """Those of its reference: its own student as it was, or a model that it names."""
    models = QUICKSTART.models
    residents = Residents(CONTEXT, QUICKSTART, Available(64, 0, memory_gib=512))
    running = {"teacher": models["teacher"], "student": models["student"]}
    for settings, stays in (({}, "student"), ({"reference": "teacher"}, "teacher")):
        entry = preferring(reference_by="engines", **settings)
        assert asked_by_training(entry, QUICKSTART) == {stays: models[stays]}
        assert residents.in_the_way(entry, running) == sorted(running.keys() - {stays})
        other = running | {stays: models[stays].model_copy(update={"max_num_seqs": 3})}
        assert sorted(residents.in_the_way(entry, other)) == ["student", "teacher"]
    assert asked_by_training(preferring(reference_by="workers"), QUICKSTART) == {}
    assert sorted(residents.in_the_way(preferring(reference_by="workers"), running)) == ["student", "teacher"]


def test_what_is_asked_after_the_steps_is_each_trainings_and_the_benchmarks() -> None:
    stage = TrainingStage("training/tuned", preferring(reference_by="engines"))
    asked, benchmarks = {"student": QUICKSTART.models["student"]}, asked_by_evaluations(QUICKSTART)
    assert asked_by([stage], QUICKSTART) == [asked]
    recipe = QUICKSTART.model_copy(update={"train": [*QUICKSTART.train, stage.entry]})
    assert asked_after(recipe) == [{}, asked, *benchmarks]
    assert asked_after(recipe, 2) == benchmarks


RECIPE = {
    "name": "twice",
    "models": {"teacher": {"kind": "echo", "cpus": 0.5}, "judge": {"kind": "echo", "tokens": 3, "cpus": 0.5}},
    "steps": [{"answer": {"model": "teacher"}}, {"select": {"by": "answer_tokens", "at_least": 1}}],
    "resources": {"unit_rows": 16, "runner_cpus": 0.1},
}


@pytest.mark.slow
def test_an_evaluation_finds_the_teachers_engine_running(ray_cluster: None, tmp_path: Path) -> None:
    lines = [json.dumps({"instruction": f"how much is {k} + 0?", "reference": str(k)}) for k in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    rows = {"name": "rows", "path": str(tmp_path / "rows.jsonl"), "language": "en"}
    benchmark = {"name": "again", "source": {**rows, "name": "again"}, "models": ["teacher", "judge"]}
    sections = {**RECIPE, "sources": [rows], "evaluate": [benchmark]}
    finished = run(yaml.safe_load(yaml.safe_dump(sections)), directory=str(tmp_path / "run"))
    idle = {gap["stage"]: gap for gap in status(finished.store)["idle"]}
    assert idle["evaluations/teacher/again"]["kept"] == ["teacher"]
    assert "steps/01-answer" not in idle  # the first phase waits for nobody
    assert all(gap["seconds"] > 0 for gap in idle.values()) and len(idle) == 2
    assert [len(finished.results), finished.results[0].questions] == [2, 40]
