"""The benchmarks of a recipe are found by the step that keeps their questions out of its rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.evaluate.asking.questions import QUESTION
from distilray.planning import Available, Plan, plan
from distilray.recipe import RecipeError, parse
from distilray.runner import GlobalStage
from distilray.steps import Decontaminate
from distilray.steps.decontaminate import PUBLISHED

RECIPE = """
models:
  teacher: {kind: echo, cpus: 1}
sources:
  - {name: rows, path: rows.jsonl}
steps:
  - decontaminate: {against: [{name: more, path: FOLDER/more.jsonl}]}
  - select: {top: 5}
evaluate:
  - {name: test, source: {name: questions, path: FOLDER/test.jsonl}, models: [teacher]}
resources: {runners: 1}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "test", "Who wrote Hamlet?")
    write(tmp_path, "more", "Who wrote Faust?")
    return tmp_path


def write(folder: Path, name: str, question: str) -> None:
    (folder / f"{name}.jsonl").write_text(json.dumps({"instruction": question, "output": "?"}) + "\n")


def planned(folder: Path) -> Plan:
    return plan(parse(RECIPE.replace("FOLDER", str(folder)), "r.yaml"), "s", Available(2, 0))


def test_every_benchmark_is_among_the_questions_under_its_own_name(folder: Path) -> None:
    stage = planned(folder).stages[0]
    assert isinstance(stage, GlobalStage) and isinstance(stage.step.step, Decontaminate)
    assert [source.name for source in stage.step.step.against] == ["test", "more"]


def test_other_questions_make_another_stage_and_another_place_does_not(folder: Path, tmp_path_factory) -> None:
    before = [stage.fingerprint for stage in planned(folder).flat()]
    moved = tmp_path_factory.mktemp("moved")
    write(moved, "test", "Who wrote Hamlet?")
    write(moved, "more", "Who wrote Faust?")
    assert [stage.fingerprint for stage in planned(moved).flat()] == before
    write(folder, "test", "Who wrote Macbeth?")
    after = [stage.fingerprint for stage in planned(folder).flat()]
    assert after[0] != before[0] and after[1] != before[1]


def test_with_no_questions_at_all_the_recipe_is_refused() -> None:
    text = RECIPE[: RECIPE.index("evaluate:")].replace("{against: [{name: more, path: FOLDER/more.jsonl}]}", "{}")
    with pytest.raises(RecipeError, match=r"steps\[0\].decontaminate: nothing to compare with"):
        parse(text, "r.yaml")


def test_published_questions_are_read_from_the_column_that_carries_them() -> None:
    assert PUBLISHED == QUESTION
