"""Trainings among the steps: what a recipe may say, what is refused with which words, and what the plan makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from distilray.planning import Available, RepeatStage, TrainingStage, plan
from distilray.recipe import RecipeError, column_problems, load_recipe, parse
from distilray.report.plan_views import plan_view
from distilray.report.terminal import stdout
from distilray.runner import GlobalStage, Phase
from distilray.steps.curriculum_draw import CurriculumDraw
from tests.support.checkpoints import make_student
from tests.support.paths import RECIPES


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A recipe that trains, lets the student answer and draws anew."""
    student = make_student(Path(tmp_path_factory.mktemp("student")))
    body = [
        {"curriculum_draw": {"by": "student_score", "hard_share": [0.3, 0.5, 0.7], "share": 0.5}},
        {"train": {"kind": "sft", "name": "learner", "student": "student", "start_from": "learner", "max_steps": 5,
                   "rows": "drawn is not null"}},
        {"score_student": {"model": "learner"}},
    ]  # fmt: skip
    return {
        "models": {"teacher": {"kind": "echo", "cpus": 1}, "student": {"path": student, "cpus": 0.5}},
        "sources": [{"name": "rows", "path": "rows.jsonl"}],
        "steps": [{"answer": {"model": "teacher"}}, {"repeat": {"name": "cur", "carry_over": "kept", "steps": body}}],
        "evaluate": [{"name": "held", "source": {"name": "held", "path": "held.jsonl"}}],
        "resources": {"runners": 1},
    }


def read(base: dict[str, Any], *overrides: str) -> Any:
    return parse(yaml.safe_dump(base), "r.yaml", overrides)


def planned(base: dict[str, Any], *overrides: str) -> Any:
    return plan(read(base, *overrides), "s", Available(4, 0))


def test_a_repeat_holds_its_training_between_the_stages_of_its_steps(base: dict[str, Any]) -> None:
    stages = planned(base).stages
    assert [stage.name for stage in stages] == ["01-answer", "02-cur"]
    repeat = stages[1]
    assert isinstance(repeat, RepeatStage)
    assert [type(stage) for stage in repeat.body] == [GlobalStage, TrainingStage, Phase]
    assert repeat.stall is None  # the number of rows says nothing about a student


def test_each_round_has_places_marks_and_settings_of_its_own(base: dict[str, Any]) -> None:
    repeat = planned(base).stages[1]
    first, second = repeat.in_round(1), repeat.in_round(2)
    assert [stage.directory for stage in second] == [
        "steps/02-cur/round-2/01-curriculum_draw", "training/learner-round-2", "steps/02-cur/round-2/03-score_student",
    ]  # fmt: skip
    assert not {stage.fingerprint for stage in first} & {stage.fingerprint for stage in second}
    draws = [stage.step.step for stage in (first[0], second[0])]
    assert all(isinstance(draw, CurriculumDraw) for draw in draws)
    assert [(draw.hard_share, draw.round) for draw in draws] == [(0.3, 1), (0.5, 2)]


def test_the_student_is_a_model_of_the_steps_after_its_training(base: dict[str, Any]) -> None:
    attempt = planned(base).stages[1].body[2]
    assert set(attempt.models) == {"learner"}
    assert attempt.models["learner"].path == base["models"]["student"]["path"]  # until it is trained
    system = planned(base, "steps.cur.steps.train.system=You add.").stages[1].body[2]
    assert system.models["learner"].system == "You add."


def test_a_changed_training_changes_what_follows_it_and_not_what_stands_before(base: dict[str, Any]) -> None:
    before, after = planned(base), planned(base, "steps.cur.steps.train.max_steps=6")
    assert before.stages[0].fingerprint == after.stages[0].fingerprint
    marks = [[stage.fingerprint for stage in found.stages[1].body] for found in (before, after)]
    assert [one == other for one, other in zip(*marks, strict=True)] == [True, False, False]
    assert before.fingerprint != after.fingerprint


def test_more_rounds_leave_the_first_ones_as_they_are(base: dict[str, Any]) -> None:
    three, four = planned(base), planned(base, "steps.cur.rounds=4")
    assert [stage.fingerprint for stage in three.stages[1].in_round(3)] == [
        stage.fingerprint for stage in four.stages[1].in_round(3)
    ]
    assert three.fingerprint != four.fingerprint


def test_the_resolved_recipe_gives_the_same_plan(base: dict[str, Any]) -> None:
    again = parse(read(base).to_yaml(), "r.yaml")
    assert plan(again, "s", Available(4, 0)).fingerprint == planned(base).fingerprint
    repeats = [planned(base).stages[1], plan(again, "s", Available(4, 0)).stages[1]]
    marks = [[stage.fingerprint for stage in repeat.body] for repeat in repeats]
    assert marks[0] == marks[1]
    assert repeats[1].stall is None
    assert [entry.name for entry in again.all_trainings()] == ["learner"]


def test_a_training_may_stand_between_steps_without_a_repeat(base: dict[str, Any]) -> None:
    steps = [base["steps"][0], {"train": {"name": "once", "student": "student", "max_steps": 5}},
             {"score_student": {"model": "once"}}]  # fmt: skip
    later = [{"kind": "sft", "name": "after", "student": "student", "start_from": "once", "max_steps": 5}]
    found = planned({**base, "steps": steps, "train": later})
    assert [stage.directory for stage in found.stages] == ["steps/01-answer", "training/once", "steps/03-score_student"]


def test_the_plan_shows_rounds_and_trainings(base: dict[str, Any]) -> None:
    loaded, machine = read(base), Available(4, 0)
    console = stdout()
    with console.capture() as screen:
        console.print(plan_view(loaded, plan(loaded, "s", machine), machine, []))
    shown = screen.get()
    assert "up to 3 rounds of" in shown
    assert "02-cur/learner-round-K" in shown and "sft of student" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            ["steps.cur.carry_over=rejected"],
            r"steps\[1\].repeat.carry_over: a repeat with a training needs carry_over: kept",
        ),
        (["steps.cur.steps.train={name: student, student: student, max_steps: 1}"], "'student' is a model too"),
        (
            ["steps.cur.steps.score_student.model=lerner"],
            "model 'lerner' is not defined in `models`; did you mean 'learner'",
        ),
        (["steps.cur.steps.train.student=nobody"], r"train.student: model 'nobody' is not defined"),
        (["steps.cur.steps.train.start_from=other"], "no earlier training is named 'other'"),
        (["steps.cur.steps.train.rows=drwn is not null"], "drwn"),
        (["steps.cur.steps.train.kind=sftt"], "unknown kind 'sftt'; did you mean 'sft'"),
        (
            ["steps.cur.steps.curriculum_draw.by=student_scor"],
            "reads the column 'student_scor', which no source and no earlier",
        ),
        (["steps.cur.until.mean={student_scor: 1}"], "writes the column 'student_scor'; did you mean 'student_score'"),
        (["steps.cur.until.mean={answer: 1}"], "holds string, which has no mean"),
        (["steps.cur.rounds=2"], r"hard_share: has 3 numbers for 2 rounds"),
        (["steps.0={curriculum_draw: {by: answer, hard_share: [0.1, 0.2], top: 3}}"], "the step is not in a repeat"),
        (["train=[{name: learner, student: student, max_steps: 1}]"], "'learner' is taken by an earlier training"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place_and_a_remedy(
    base: dict[str, Any], changes: list[str], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        read(base, *changes)


def test_a_student_cannot_be_asked_before_it_is_trained(base: dict[str, Any]) -> None:
    repeat = base["steps"][1]["repeat"]
    turned = {**base, "steps": [base["steps"][0], {"repeat": {**repeat, "steps": repeat["steps"][::-1]}}]}
    with pytest.raises(RecipeError, match="the training 'learner' comes after this step"):
        read(turned)


def test_a_training_that_goes_on_from_itself_needs_a_repeat(base: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="only in a repeat is there one of the round before"):
        read(base, "train=[{name: own, student: student, start_from: own, max_steps: 1}]")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("tuned", r"'tuned' has no result yet and would start at 'student', not where 'sft' .* write \[tuned, sft\]"),
        (["sft", "tuned"], r"first its own \('tuned'\).*write one name, or \[tuned, sft\]"),
        (["tuned", "sff"], "no earlier training is named 'sff'; did you mean 'sft'"),
        (["tuned", "sft", "student"], "start_from"),
        (["tuned", "sft"], None),
        (["tuned", "student"], None),
        ("sft", None),
    ],
)
def test_a_training_in_a_repeat_after_another_one_says_where_its_first_round_starts(
    base: dict[str, Any], start: Any, words: str | None
) -> None:
    tuned = {"kind": "dpo", "name": "tuned", "student": "student", "start_from": start, "max_steps": 5}
    body = [{"preference_pairs": {"model": "sft"}}, {"train": tuned}]
    sft = {"train": {"kind": "sft", "name": "sft", "student": "student", "max_steps": 5}}
    steps = [base["steps"][0], sft, {"repeat": {"name": "rounds", "carry_over": "kept", "steps": body}}]
    if words is None:
        again = parse(read({**base, "steps": steps}).to_yaml(), "r.yaml")
        assert again.all_trainings()[1].settings.starts == tuple([start] if isinstance(start, str) else start)
    else:
        with pytest.raises(RecipeError, match=words):
            read({**base, "steps": steps})


def test_a_repeat_of_nothing_but_a_training_is_refused(base: dict[str, Any]) -> None:
    [train] = [step for step in base["steps"][1]["repeat"]["steps"] if "train" in step]
    alone = {**base, "steps": [base["steps"][0], {"repeat": {"carry_over": "kept", "steps": [train]}}]}
    with pytest.raises(RecipeError, match="nothing changes from round to round but the training"):
        read(alone, "steps.repeat.steps.train.rows=answer is not null")


@pytest.mark.parametrize("name", ["practice_curriculum", "practice_condenser"])
def test_the_practice_recipes_fit_on_two_cpus(name: str) -> None:
    loaded = load_recipe(str(RECIPES / f"{name}.yaml"))
    found = plan(loaded, "s", Available(2, 0, 8))
    assert found.stages
    assert len(loaded.all_trainings()) == 1


def test_pairs_are_made_of_the_student_as_trained_so_far_in_every_round(base: dict[str, Any]) -> None:
    own = {"kind": "dpo", "name": "tuned", "student": "student", "start_from": "learner", "max_steps": 5}
    body = [
        {"train": {"kind": "sft", "name": "learner", "student": "student", "start_from": "learner", "max_steps": 5}},
        {"preference_pairs": {"model": "learner", "unpaired": "keep"}},
        {"train": own},
    ]
    steps = [base["steps"][0], {"repeat": {"name": "rounds", "carry_over": "kept", "steps": body}}]
    stages = planned({**base, "steps": steps}).stages
    assert [type(stage) for stage in stages[1].body] == [TrainingStage, Phase, TrainingStage]


def test_a_training_on_pairs_that_nothing_makes_is_told_which_steps_do(base: dict[str, Any]) -> None:
    recipe = read({**base, "train": [{"kind": "dpo", "student": "student", "max_steps": 5}]})
    problems = [str(problem) for problem in column_problems(recipe, {"answer"})]
    assert any("add a `preference_pairs` or `cognitive_pairs` step" in problem for problem in problems), problems
