"""The best of several answers: right ones first, then what the judge finds best."""

from __future__ import annotations

import json
from pathlib import Path

from distilray.prompts import CRITERIA
from distilray.rows import Row
from distilray.steps.best_answer import BestAnswer
from tests.support.planted import GOOD, SHORT, WRONG, go, problem


def judged(*scores: int) -> str:
    return json.dumps({"check": "seen", **dict(zip(CRITERIA, scores, strict=True))})


def sampled(*answers: str, **columns) -> Row:
    return problem(answers=list(answers), answer=answers[0] if answers else None, reasoning=None, **columns)


def test_the_first_right_one_is_taken_where_a_verifier_can_tell(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, BestAnswer(), sampled(WRONG, GOOD, SHORT), judge=[])
    assert (outcome.kind, outcome.columns["answer"]) == ("kept", GOOD)
    assert (outcome.columns["best_of"], outcome.columns["answers_right"]) == (3, 2)
    assert outcome.columns["answer_score"] is None and engine.asked == []


def test_of_the_right_ones_the_judge_takes_the_best_and_never_sees_a_wrong_one(tmp_path: Path) -> None:
    replies = [judged(9, 9, 7, 2), judged(9, 9, 9, 9)]
    outcome, engine = go(tmp_path, BestAnswer(checker="judge"), sampled(WRONG, SHORT, GOOD), judge=replies)
    assert (outcome.columns["answer"], outcome.columns["answer_score"]) == (GOOD, 9)
    assert engine.unsaid() == {} and not any(WRONG in asked for asked in engine.questions("judge"))


def test_without_a_reference_the_judge_decides_and_of_equals_the_first_stays(tmp_path: Path) -> None:
    row = sampled("One.", "Two.", "Three.", reference=None)
    replies = [judged(5, 5, 5, 5), judged(8, 8, 8, 8), judged(8, 8, 8, 8)]
    outcome, _ = go(tmp_path, BestAnswer(checker="judge"), row, judge=replies)
    assert (outcome.columns["answer"], outcome.columns["answers_right"]) == ("Two.", 0)


def test_the_reasoning_of_the_chosen_answer_comes_along(tmp_path: Path) -> None:
    row = sampled(WRONG, GOOD, reasonings=["Hm.", "Add."])
    outcome, _ = go(tmp_path, BestAnswer(), row)
    assert outcome.columns["reasoning"] == "Add."


def test_a_row_whose_answers_are_all_wrong_or_cannot_be_told_is_rejected(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, BestAnswer(checker="judge"), sampled(WRONG, WRONG), judge=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "wrong answer")
    outcome, _ = go(tmp_path, BestAnswer(), sampled("One.", "Two.", reference=None))
    assert (outcome.kind, outcome.reason) == ("rejected", "cannot be verified")
    outcome, _ = go(tmp_path, BestAnswer(), sampled())
    assert (outcome.kind, outcome.reason) == ("rejected", "no answers")


def test_the_best_may_still_not_be_good_enough(tmp_path: Path) -> None:
    row = sampled("One.", "Two.", reference=None)
    step = BestAnswer(checker="judge", at_least=7)
    outcome, _ = go(tmp_path, step, row, judge=[judged(5, 5, 5, 5), judged(6, 7, 7, 7)])
    assert (outcome.kind, outcome.reason) == ("rejected", "best answer below 7")
    assert outcome.columns["answer_score"] == 6.75
