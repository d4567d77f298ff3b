"""The style in which a teacher is asked to answer, and answers that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import Reply
from distilray.steps.answer import Answer
from distilray.steps.follow_up import FollowUp
from distilray.steps.score_difficulty import ScoreDifficulty
from tests.support.planted import go, problem

QUESTION = problem(reasoning=None, answer=None)


def asked(tmp_path: Path, row=QUESTION, **settings) -> str:
    _, engine = go(tmp_path, Answer(model="teacher", **settings), row, teacher=["861"])
    return engine.asked[0][1].messages[0]["content"]


def test_by_default_a_result_has_a_mark_before_it(tmp_path: Path) -> None:
    assert 'End with a line "answer: "' in asked(tmp_path)


def test_by_task_the_style_is_the_tasks_and_asks_for_no_mark(tmp_path: Path) -> None:
    assert "Work it out step by step" in asked(tmp_path, style="by_task")
    assert "complete code that runs" in asked(tmp_path / "code", problem(task="code debugging"), style="by_task")
    assert "what was not asked" in asked(tmp_path / "others", problem(task=None), style="by_task")


def test_a_style_can_be_set_whatever_the_task(tmp_path: Path) -> None:
    system = asked(tmp_path, problem(task=None), style="step_by_step")
    assert "step by step" in system and "not asked" not in system and '"answer' not in system


def test_the_style_of_other_steps_that_have_teachers_answer_is_set_alike() -> None:
    difficulty = ScoreDifficulty(student="student", teacher="teacher", judge="judge", style="by_task")
    for step in (Answer(model="teacher", style="code"), FollowUp(model="teacher", style="rich"), difficulty):
        names = [prompt.name for prompt in step.prompts_used()]
        assert "styled_answer" in names and "answer" not in names
    assert [prompt.name for prompt in Answer(model="teacher").prompts_used()] == ["answer"]


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValidationError, match="step_by_step"):
        Answer.model_validate({"model": "teacher", "style": "flowery"})


def test_an_answer_that_was_cut_is_never_taken_and_never_counts_as_one(tmp_path: Path) -> None:
    cut = Reply("482+379 is 8", "length", 10, 64)
    outcome, _ = go(tmp_path, Answer(model="teacher"), QUESTION, teacher=[cut])
    assert (outcome.kind, outcome.reason) == ("rejected", "answer cut by length")
    outcome, _ = go(tmp_path / "several", Answer(model="teacher", n=3), QUESTION, teacher=[cut, "861", cut])
    assert outcome.kind == "kept"
    assert (outcome.columns["answer"], outcome.columns["answers"]) == ("861", ["861"])
