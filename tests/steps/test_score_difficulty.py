"""How far the teacher is ahead of the student, as a judge sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import BadReply, Reply
from distilray.prompts import CRITERIA
from distilray.steps import ModelChoice
from distilray.steps.score_difficulty import ScoreDifficulty
from tests.support.planted import GOOD, WRONG, go, problem


def marks(score: int, **others: int) -> dict[str, int]:
    return {**dict.fromkeys(CRITERIA, score), **others}


def judged(score: int, **others: int) -> str:
    return json.dumps({"check": f"seen {score}", **marks(score, **others)})


def compared(first: int, second: int) -> str:
    return json.dumps({"check": f"{first} against {second}", "first": marks(first), "second": marks(second)})


def step(**settings) -> ScoreDifficulty:
    return ScoreDifficulty(student="student", judge="judge", **settings)


def test_the_difficulty_is_what_the_teacher_is_ahead_and_every_criterion_is_kept(tmp_path: Path) -> None:
    replies = {"student": [WRONG], "teacher": [GOOD], "judge": [judged(9, detail=5), judged(3, accuracy=0)]}
    outcome, engine = go(tmp_path, step(teacher="teacher"), problem(answer="the row's"), **replies)
    found = outcome.columns
    assert outcome.kind == "kept" and "answer" not in found
    assert (found["student_answer"], found["teacher_answer"]) == (WRONG, GOOD)
    assert [found[f"teacher_{name}"] for name in CRITERIA] == [9, 9, 9, 5]
    assert [found[f"student_{name}"] for name in CRITERIA] == [0, 3, 3, 3]
    assert found["difficulty"] == pytest.approx(8 - 2.25)
    assert found["difficulty_disagreement"] is None
    assert found["difficulty_checks"] == ["seen 3", "seen 9"]
    assert engine.models() == ["teacher", "student", "judge", "judge"]
    assert engine.questions("judge")[0].endswith(GOOD) and engine.questions("judge")[1].endswith(WRONG)


def test_without_a_teacher_the_rows_answer_is_the_teachers(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, step(), problem(answer=GOOD), student=[GOOD], judge=[judged(4), judged(9)])
    assert outcome.columns["difficulty"] == -5  # the student did better: nothing to learn here
    assert engine.models() == ["student", "judge", "judge"]
    assert step().columns_read() == {"messages", "answer"}
    assert step(teacher="teacher").columns_read() == {"messages"}


def test_the_student_is_asked_as_it_is_served(tmp_path: Path) -> None:
    row = problem(answer=GOOD)
    _, engine = go(tmp_path, step(), row, student=[GOOD], judge=[judged(9), judged(9)])
    assert engine.asked[0][1].messages == row.messages


def test_pairwise_asks_in_both_orders_and_records_how_far_they_disagree(tmp_path: Path) -> None:
    # The judge leans to what stands first: 2 points for it.
    replies = {"student": [WRONG], "judge": [compared(5, 8), compared(9, 4)]}
    outcome, engine = go(tmp_path, step(compare="pairwise"), problem(answer=GOOD), **replies)
    found = outcome.columns
    assert (found["student_quality"], found["teacher_quality"]) == (4.5, 8.5)
    assert (found["difficulty"], found["difficulty_disagreement"]) == (4, 2)
    one, other = engine.questions("judge")
    assert one.index(WRONG) < one.index(GOOD) and other.index(GOOD) < other.index(WRONG)


def test_several_votes_are_averaged(tmp_path: Path) -> None:
    replies = {"student": [WRONG], "judge": [judged(9), judged(1), judged(7), judged(3)]}
    outcome, _ = go(tmp_path, step(votes=2), problem(answer=GOOD), **replies)
    assert (outcome.columns["difficulty"], outcome.columns["difficulty_disagreement"]) == (6, 4)


@pytest.mark.parametrize("compare", ["independently", "pairwise"])
@pytest.mark.parametrize(
    "reply", [Reply(GOOD, "length", 10, 10), Reply("<think>\nendless", "stop"), Reply(" ", "stop")]
)
def test_what_is_no_answer_of_the_student_scores_nothing_and_is_not_judged(
    tmp_path: Path, reply: Reply, compare: str
) -> None:
    outcome, engine = go(tmp_path, step(compare=compare), problem(answer=GOOD), student=[reply], judge=[judged(8)])
    assert (outcome.columns["student_answer"], outcome.columns["student_quality"]) == (None, 0)
    assert outcome.columns["difficulty"] == 8
    assert engine.unsaid() == {}


@pytest.mark.parametrize(
    ("teacher", "row", "reason"),
    [
        (Reply(GOOD, "length", 10, 10), problem(), "teacher: answer cut by length"),
        (Reply("", "stop"), problem(), "teacher: empty answer"),
    ],
)
def test_a_teacher_without_a_whole_answer_rejects_the_row_before_the_student_is_asked(
    tmp_path: Path, teacher: Reply, row, reason: str
) -> None:
    outcome, engine = go(tmp_path, step(teacher="teacher"), row, teacher=[teacher], student=[], judge=[])
    assert (outcome.kind, outcome.reason) == ("rejected", reason)
    assert engine.models() == ["teacher"]


def test_a_row_without_an_answer_needs_a_teacher(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, step(), problem(answer=None), student=[], judge=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "teacher: no answer")


def test_teacher_and_judge_may_be_chosen_by_language(tmp_path: Path) -> None:
    choice = ModelChoice(by="language", choose={"zh": "qwen"}, otherwise="gpt")
    chosen = ScoreDifficulty(student="student", teacher=choice, judge=choice)
    assert chosen.models_used()["judge"] == {"qwen", "gpt"}
    replies = {"student": [WRONG], "qwen": [GOOD, judged(9), judged(1)], "gpt": []}
    outcome, engine = go(tmp_path, chosen, problem(language="zh"), **replies)
    assert engine.models() == ["qwen", "student", "qwen", "qwen"]
    assert outcome.columns["difficulty"] == 8


def test_a_judge_that_never_parses_fails_the_row_with_its_text(tmp_path: Path) -> None:
    with pytest.raises(BadReply, match="expected one JSON object .* the reply was: 'Both are fine.'"):
        go(tmp_path, step(), problem(answer=GOOD), student=[WRONG], judge=["Both are fine."] * 3)


def test_votes_are_not_combined_with_both_orders() -> None:
    with pytest.raises(ValidationError, match="leave votes at 1"):
        step(compare="pairwise", votes=3)


def test_a_recipe_knows_the_prompts() -> None:
    names = [prompt.name for prompt in step(teacher="t", compare="pairwise").prompts_used()]
    assert names == ["plain", "answer", "judge", "score_pair"]
