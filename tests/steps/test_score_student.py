"""The student answers and is scored; the row's own answer stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.models import Reply
from distilray.steps.score_student import ScoreStudent
from tests.support.planted import GOOD, WRONG, go, problem

JUDGED = '{"check": "seen", "accuracy": 6, "relevance": 9, "helpfulness": 9, "detail": 9}'


def test_the_score_is_the_share_of_right_answers_and_the_teachers_answer_stays(tmp_path: Path) -> None:
    row = problem(answer="the teacher's")
    outcome, engine = go(tmp_path, ScoreStudent(model="learner", samples=4), row, learner=[GOOD, WRONG, GOOD, GOOD])
    after = outcome.apply(row)
    assert (after["student_score"], after["student_answer"], after["answer"]) == (0.75, GOOD, "the teacher's")
    assert after["student_tokens"] == pytest.approx((3 * len(GOOD) + len(WRONG)) / 4)
    [(_, request)] = engine.asked
    assert request.messages == row.messages  # as it is asked in service


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Reply(GOOD, "length", 10, 10), "cut by length"),
        (Reply("<think>\nendless", "stop", 10, 10), "trace without an end"),
        (Reply(" ", "stop", 10, 10), "empty answer"),
    ],
)
def test_what_is_no_answer_scores_nothing(tmp_path: Path, reply: Reply, verdict: str) -> None:
    outcome, _ = go(tmp_path, ScoreStudent(model="learner"), problem(), learner=[reply])
    assert outcome.columns["student_score"] == 0.0
    assert outcome.columns["student_verdict"] == verdict


def test_only_what_follows_the_thoughts_is_verified(tmp_path: Path) -> None:
    outcome, _ = go(
        tmp_path, ScoreStudent(model="learner"), problem(), learner=[f"<think>\n{WRONG}\n</think>\n\nanswer: 861"]
    )
    assert outcome.columns["student_score"] == 1.0


def test_a_judge_scores_where_no_verifier_can(tmp_path: Path) -> None:
    row, step = problem(reference=None), ScoreStudent(model="learner", checker="judge")
    outcome, engine = go(tmp_path, step, row, learner=["Thanks for asking."], judge=[JUDGED])
    assert outcome.columns["student_score"] == pytest.approx(6 / 9)
    assert "Thanks for asking." in engine.questions("judge")[0]
    assert {prompt.name for prompt in step.prompts_used()} == {"plain", "judge"}


def test_where_nobody_can_tell_there_is_no_score_and_the_row_stays(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, ScoreStudent(model="learner"), problem(reference=None), learner=["Thanks."])
    assert outcome.kind == "kept"
    assert outcome.columns["student_score"] is None
    assert outcome.columns["student_verdict"] == "nothing to compare with"
