"""Renderings: medium is complete, easy lacks steps, hard repeats, and what is wrong really is."""

from __future__ import annotations

import random
import re
from typing import get_args

import pytest

from distilray.practice import traces
from distilray.practice.arithmetic import Problem, draw_problem
from distilray.practice.worked import RESULT, Slip, column_sums, draw_trace, medium
from distilray.prompts import RATINGS, trace_steps

APPLES = Problem("en", "+", 482, 379, "How many apples?")


def some_problems(n: int = 200) -> list[Problem]:
    rng = random.Random(0)
    return [draw_problem(rng, "train") for _ in range(n)]


def last_line(text: str, problem: Problem) -> int:
    return int(text.splitlines()[-1].removeprefix(RESULT[problem.language]))


def test_medium_is_the_worked_solution_column_by_column() -> None:
    assert medium(APPLES).text == ("482+379\n\nones 2+9+0=11\n\ntens 8+7+1=16\n\nhundreds 4+3+1=8\n\nanswer: 861")


def test_taking_away_shows_the_borrow() -> None:
    assert column_sums(Problem("zh", "-", 412, 379, "")) == [("12-9-0", 3), ("11-7-1", 3), ("4-3-1", 0)]


def test_every_step_of_a_medium_trace_is_true_arithmetic() -> None:
    for problem in some_problems():
        for calculation, value in re.findall(r" (\S+)=(\d+)", medium(problem).text):
            assert eval(calculation) == int(value)
        assert last_line(medium(problem).text, problem) == problem.result


@pytest.mark.parametrize("rating", RATINGS)
def test_a_right_trace_ends_with_the_result_whatever_its_rating(rating: str) -> None:
    rng = random.Random(1)
    for problem in some_problems():
        trace = draw_trace(problem, rating, rng)
        assert trace.right and last_line(trace.text, problem) == trace.claim == problem.result


def test_easy_lacks_steps_of_medium_and_hard_has_all_of_them_and_more() -> None:
    rng = random.Random(2)
    for problem in some_problems():
        whole = trace_steps(medium(problem).text)
        easy = trace_steps(draw_trace(problem, "easy", rng).text)
        hard = trace_steps(draw_trace(problem, "hard", rng).text)
        assert len(easy) < len(whole) < len(hard)
        assert set(easy) < set(whole) <= set(hard)


@pytest.mark.parametrize("rating", RATINGS)
@pytest.mark.parametrize("slip", get_args(Slip))
def test_a_slip_makes_the_trace_wrong_and_the_trace_says_so(slip: Slip, rating: str) -> None:
    rng = random.Random(3)
    for problem in some_problems():
        trace = draw_trace(problem, rating, rng, slip)
        claims_result = trace.claim == problem.result
        assert trace.right == claims_result
        assert slip == "problem" or not trace.right  # another problem may have the same result
        if slip != "unfinished":
            assert last_line(trace.text, problem) == trace.claim


def test_the_source_says_what_is_true_of_each_trace() -> None:
    records = list(traces(400, seed=1, wrong=0.25))
    wrong = [record for record in records if not record["truth_right"]]
    assert 60 < len(wrong) < 140
    for record in records:
        number = record["answer"].split(": ")[1]
        assert record["reasoning"].endswith(record["answer"])
        assert (number == record["reference"]) == record["truth_right"]


def test_shares_set_how_many_traces_have_each_rating() -> None:
    ratings = {record["truth_rating"] for record in traces(50, seed=1, shares={"easy": 1, "hard": 2})}
    assert ratings == {"easy", "hard"}


def test_the_trace_may_be_the_answer_itself() -> None:
    record = next(traces(1, seed=1, column="answer"))
    assert "reasoning" not in record and len(trace_steps(record["answer"])) > 1
