"""The judge's check compares the claim with the columns, and the scores follow from it."""

from __future__ import annotations

import random

from distilray.practice.arithmetic import Problem, draw_problem
from distilray.practice.checks import check, judgement
from distilray.practice.worked import draw_trace, medium

APPLES = Problem("en", "+", 482, 379, "How many apples?")


def test_a_right_claim_is_ok_in_every_column() -> None:
    assert check(APPLES, 861) == "2+9+0=11/1 ok;8+7+1=16/6 ok;4+3+1=8/8 ok"


def test_a_wrong_claim_is_bad_where_it_is_wrong() -> None:
    assert check(APPLES, 851) == "2+9+0=11/1 ok;8+7+1=16/5 bad;4+3+1=8/8 ok"


def test_no_claim_is_bad_everywhere() -> None:
    assert check(APPLES, None).count("/- bad") == 3


def test_a_claim_with_too_many_digits_is_bad_at_its_head() -> None:
    assert check(APPLES, 9861).endswith("4+3+1=8/98 bad")


def test_accuracy_follows_the_check() -> None:
    rng = random.Random(0)
    for slip in (None, "column", "result", "operand"):
        for _ in range(100):
            problem = draw_problem(rng, "train")
            judged = judgement(problem, draw_trace(problem, "easy", rng, slip))
            assert (judged.accuracy == 9) == ("bad" not in judged.check) == (slip is None)


def test_detail_is_best_where_a_small_model_can_follow() -> None:
    rng = random.Random(0)
    detail = {rating: judgement(APPLES, draw_trace(APPLES, rating, rng)).detail for rating in ("easy", "hard")}
    assert judgement(APPLES, medium(APPLES)).detail > max(detail.values())
