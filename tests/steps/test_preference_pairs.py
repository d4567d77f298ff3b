"""A pair of a right answer and the student's own lower one, and the reason where a row makes none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilray.models import Reply
from distilray.steps.preference_pairs import PreferencePairs
from tests.support.planted import GOOD, WRONG, go, problem

FAST = {"reasoning": None, "answer": GOOD}
"""A row whose steps are in the answer."""
OTHER_WRONG = "answer: 900"


def judged(accuracy: int) -> str:
    return f'{{"check": "seen", "accuracy": {accuracy}, "relevance": 9, "helpfulness": 9, "detail": 9}}'


def step(**settings: Any) -> PreferencePairs:
    return PreferencePairs(model="learner", **{"samples": 2, **settings})


def test_the_rows_answer_is_chosen_over_the_students_wrong_one(tmp_path: Path) -> None:
    row = problem(**FAST)
    outcome, engine = go(tmp_path, step(), row, learner=[GOOD, WRONG])
    after = outcome.apply(row)
    assert (outcome.kind, after["answer"], after["rejected_answer"]) == ("kept", GOOD, WRONG)
    assert (after["student_score"], after["pair_problem"]) == (0.5, None)
    [(_, request)] = engine.asked
    assert request.messages == row.messages  # as it is asked in service


def test_the_students_own_right_answer_is_chosen(tmp_path: Path) -> None:
    row = problem(answer=None, reasoning=None)
    mine = f"{GOOD}\n\nso the answer: 861"
    outcome, _ = go(tmp_path, step(chosen="own"), row, learner=[WRONG, mine])
    after = outcome.apply(row)
    assert (after["answer"], after["rejected_answer"]) == (mine, WRONG)
    assert step(chosen="own").columns_read() == {"messages"}


def test_thoughts_stand_on_both_sides(tmp_path: Path) -> None:
    row = problem()
    thought = f"<think>\n{WRONG}\n</think>\n\nanswer: 851"
    after = go(tmp_path, step(samples=1), row, learner=[thought])[0].apply(row)
    assert (after["reasoning"], after["answer"]) == (row["reasoning"], "answer: 861")
    assert after["rejected_answer"] == thought


def test_a_judge_scores_where_no_verifier_can_and_the_lowest_is_rejected(tmp_path: Path) -> None:
    row = problem(reference=None, reasoning=None, answer="A good reply to it.")
    outcome, _ = go(
        tmp_path,
        step(checker="judge"),
        row,
        learner=["A reply, middling.", "No."],
        judge=[judged(6), judged(1), judged(9)],
    )
    assert outcome.apply(row)["rejected_answer"] == "A reply, middling."  # "No." is too short beside it


@pytest.mark.parametrize(
    ("settings", "columns", "replies", "reason"),
    [
        ({}, FAST, [GOOD, f"{GOOD}\n"], "both right"),
        ({}, {"reasoning": None, "answer": WRONG}, [WRONG, OTHER_WRONG], "both wrong"),
        ({"samples": 1}, {"reasoning": None, "answer": WRONG}, [GOOD], "the chosen answer is wrong"),
        ({"chosen": "own"}, FAST, [WRONG, OTHER_WRONG], "both wrong"),
        ({"max_length_ratio": 2}, FAST, [OTHER_WRONG] * 2, "lengths too different"),
        ({"max_overlap": 0.2}, FAST, [WRONG] * 2, "near-identical"),
        ({}, {"reasoning": None, "answer": None}, [WRONG] * 2, "no answer"),
        ({}, {**FAST, "reference": None}, [WRONG] * 2, "cannot be verified"),
        ({}, FAST, [Reply(WRONG, "length", 10, 10)] * 2, "cut by length"),
        ({}, FAST, ["<think>\nendless"] * 2, "trace without an end"),
        ({}, FAST, [" "] * 2, "empty answer"),
    ],
)
def test_a_guard_rejects_the_row_with_its_reason(
    settings: dict[str, Any], columns: dict[str, Any], replies: list, reason: str, tmp_path: Path
) -> None:
    outcome, _ = go(tmp_path, step(**settings), problem(**columns), learner=replies)
    assert (outcome.kind, outcome.reason) == ("rejected", reason)


@pytest.mark.parametrize(
    ("accuracies", "texts", "reason"),
    [
        ((7, 9), ("One reply.", "Another reply."), "both right"),
        ((5, 7), ("One reply.", "Another reply."), "scores too close"),
        ((1, 9), ("The same reply.", "The same  reply."), "chosen equals rejected"),
    ],
)
def test_what_a_judge_says_is_guarded_too(
    accuracies: tuple[int, int], texts: tuple[str, str], reason: str, tmp_path: Path
) -> None:
    row = problem(reference=None, reasoning=None, answer=texts[1])
    outcome, _ = go(
        tmp_path, step(samples=1, checker="judge"), row, learner=[texts[0]], judge=[judged(n) for n in accuracies]
    )
    assert (outcome.kind, outcome.reason) == ("rejected", reason)


def test_another_wrong_answer_is_taken_where_the_first_is_no_pair(tmp_path: Path) -> None:
    row = problem(**FAST)
    outcome, _ = go(tmp_path, step(max_length_ratio=2), row, learner=[OTHER_WRONG, WRONG])
    assert outcome.apply(row)["rejected_answer"] == WRONG


def test_rows_without_a_pair_can_stay_for_the_next_round(tmp_path: Path) -> None:
    row = problem(**FAST, rejected_answer="of the round before")
    outcome, _ = go(tmp_path, step(unpaired="keep"), row, learner=[GOOD] * 2)
    after = outcome.apply(row)
    assert (outcome.kind, after["rejected_answer"], after["pair_problem"]) == ("kept", None, "both right")
    assert after["student_score"] == 1.0
