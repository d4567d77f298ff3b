"""Stages in order: who is asked after a training, and in which rounds; phases themselves are noted, not run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilray.driver import run_stages
from distilray.driver.trainings import Trainings
from distilray.ledger import Manifest, StepCounts
from distilray.models import EchoModel
from distilray.planning import RepeatStage, Stage, TrainingStage
from distilray.recipe import TrainEntry, parse
from distilray.runner import Context, NamedStep, Phase, Resources
from distilray.steps.score_student import ScoreStudent
from distilray.storage import Store
from distilray.train import SFTSettings

BEFORE, OTHER = EchoModel(kind="echo", tokens=1), EchoModel(kind="echo", tokens=9)
ATTEMPT = Phase(
    "03-score_student",
    (NamedStep("score_student", ScoreStudent(model="learner")),),
    {"learner": BEFORE, "judge": OTHER},
    {},
)
LEARNER = TrainingStage("training/learner", TrainEntry(SFTSettings(name="learner", student="small", max_steps=1)), "t")
RECIPE = parse("sources: [{name: rows, path: rows.jsonl}]", "r.yaml")


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Context, list[Any]]:
    """A context, and what happened in it: (directory, tokens that the learner says, seed) of each phase."""
    store, happened = Store(tmp_path), []

    def phase(context: Context, stage: Phase, units: Any, engines: Any) -> Any:
        learner = stage.models["learner"]
        assert isinstance(learner, EchoModel) and stage.models["judge"] == OTHER
        happened.append((stage.directory, learner.tokens, context.seed))
        steps = [StepCounts("score_student", rows_in=5, kept=5)]
        Manifest(name=stage.name, kind="phase", fingerprint=stage.fingerprint, steps=steps).write(
            store, stage.directory
        )
        return units

    monkeypatch.setattr("distilray.driver.stages.run_phase", phase)
    lease: Any = SimpleNamespace()
    return Context(store, lease, Resources(), budget=None, seed=7), happened  # type: ignore[arg-type]


class NotedTrainings(Trainings):
    """Notes each training in place of doing it; the n-th one's student replies with n + 1 tokens."""

    happened: list[Any]

    def among(self, stage: TrainingStage, units: Any) -> EchoModel:
        self.happened.append(stage.directory)
        return EchoModel(kind="echo", tokens=len([what for what in self.happened if isinstance(what, str)]) + 1)


def through(context: Context, happened: list[Any], *stages: Stage) -> None:
    told: list[tuple[str, str]] = []
    trainings = NotedTrainings(context, RECIPE, lambda event: None)
    trainings.happened = happened
    run_stages(context, stages, [], trainings, lambda name, what: told.append((name, what)))
    assert [name for name, what in told if what == "started"]
    assert len([what for _, what in told if what == "done"]) * 2 == len(told)


def test_steps_after_a_training_ask_its_student_and_those_before_it_do_not(noted: Any) -> None:
    context, happened = noted
    through(context, happened, ATTEMPT, LEARNER, ATTEMPT)
    assert happened == [("03-score_student", 1, 7), "training/learner", ("03-score_student", 2, 7)]


def test_in_each_round_the_student_of_that_round_is_asked_with_other_seeds(noted: Any) -> None:
    context, happened = noted
    repeat = RepeatStage("steps/01-cur", 3, "kept", None, {}, None, (LEARNER, ATTEMPT))
    through(context, happened, repeat, ATTEMPT)
    trained = [what for what in happened if isinstance(what, str)]
    *in_rounds, behind = [what for what in happened if not isinstance(what, str)]
    assert trained == [f"training/learner-round-{k}" for k in (1, 2, 3)]
    assert [what[:2] for what in in_rounds] == [(f"steps/01-cur/round-{k}/03-score_student", k + 1) for k in (1, 2, 3)]
    assert len({seed for _, _, seed in in_rounds}) == 3
    assert behind == ("03-score_student", 4, 7)  # the last round's student


def test_rows_that_do_not_change_end_the_rounds_only_where_a_stall_is_wanted(noted: Any) -> None:
    context, happened = noted
    through(context, happened, RepeatStage("steps/01-cur", 3, "kept", None, {}, 0.0, (LEARNER, ATTEMPT)))
    assert [what for what in happened if isinstance(what, str)] == [f"training/learner-round-{k}" for k in (1, 2)]
