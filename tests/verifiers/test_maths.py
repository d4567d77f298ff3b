"""Maths: our own cases, extraction and what cannot be decided."""

from __future__ import annotations

import pytest

from distilray.verifiers import extract_final_answer, numeric_equal, verify_now
from tests.support.maths_cases import CASES


def test_there_are_at_least_two_hundred_cases_with_both_verdicts():
    assert len(CASES) >= 200
    assert sum(not is_right for *_, is_right in CASES) >= 60


@pytest.mark.parametrize(("answer", "reference", "is_right"), CASES)
def test_case(answer: str, reference: str, is_right: bool):
    verdict = verify_now("math", answer, reference)
    assert verdict.right is is_right, verdict.reason


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"So \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"First \boxed{3}, but after checking \boxed{4}.", "4"),
        (r"\boxed{\left\{1,2\right\}}", r"\left\{1,2\right\}"),
        ("work\n#### 1,080", "1,080"),
        ("<answer> 12 </answer>", "12"),
        ("The answer is 5.", "5"),
        ("答案是：三分之二。", "三分之二"),
        ("<think>the answer is 4</think>The answer is 5.", "5"),
        ("we get 3, then 5.5", "5.5"),
    ],
)
def test_the_final_answer_is_found(text: str, answer: str):
    assert extract_final_answer(text) == answer


def test_a_box_that_was_cut_off_is_no_answer():
    assert verify_now("math", r"so the answer is \boxed{\frac{1}{2", "1/2").right is not True


def test_a_text_without_an_answer_has_none():
    assert extract_final_answer("I am not sure about this.") is None


def test_prose_without_an_answer_is_undecided():
    verdict = verify_now("math", "I am not sure about this one.", "5")
    assert verdict.right is None
    assert "no final answer" in verdict.reason


def test_without_a_reference_nothing_is_decided():
    assert verify_now("math", r"\boxed{5}", None).right is None
    assert verify_now("math", r"\boxed{5}", "").right is None


def test_any_of_several_references_will_do():
    assert verify_now("math", r"\boxed{5}", ["4", "5"]).right is True


def test_a_worked_solution_can_be_the_reference():
    assert verify_now("math", "The answer is 72.", "48 + 24 = 72\n#### 72").right is True


def test_the_last_number_is_named_as_the_last_resort():
    assert verify_now("math", "we get 3, then 5", "5").detail["found"] == "last number"


def test_rounding_can_be_allowed():
    assert verify_now("math", r"\boxed{3.14}", "3.14159").right is False
    assert verify_now("math", r"\boxed{3.14}", "3.14159", relative=0.01).right is True


@pytest.mark.parametrize(
    ("answer", "reference", "is_right"),
    [
        ("so it is 72", "72", True),
        ("#### 1,080", "1080", True),
        ("答：还剩9页", "9", True),
        ("答案是12%", "12%", True),
        (r"\boxed{\frac{3}{4}}", "0.75", True),
        ("the answer is 3/4 of it, after 12 steps", "3/4", True),
        ("so it is 73", "72", False),
        ("nothing here", "72", False),
        ("12% of them", "0.012", False),
    ],
)
def test_the_cheap_numeric_check(answer: str, reference: str, is_right: bool):
    assert numeric_equal(answer, reference).right is is_right


def test_the_cheap_check_does_not_decide_against_a_reference_without_a_number():
    assert numeric_equal("5", "x+y").right is None


@pytest.mark.parametrize(
    ("answer", "reference", "is_right"),
    [
        ("A: 33", "33", True),
        ("the answer is 3 + 4 = 7", "7", True),
        ("the answer is 7 = 3 + 4", "7", True),
        ("in total she owes -$10", "-10", True),
        ("1.5e3", "1500", True),
        ("in the 3rd week he has 5", "5", True),
        ("5", ["4", "5"], True),
        ("5", ["4", "6"], False),
        ("5", float("nan"), None),
        ("5", [], None),
    ],
)
def test_the_cheap_check_reads_what_is_stated(answer: str, reference: object, is_right: bool | None):
    assert numeric_equal(answer, reference).right is is_right  # type: ignore[arg-type]


def test_a_formula_that_cannot_be_read_is_undecided_unless_it_is_the_same_text():
    formula = r"\oint_{S} F \mid \mid dA"
    assert verify_now("math", rf"\boxed{{{formula}}}", formula).right is True
    assert verify_now("math", rf"\boxed{{{formula}}}", r"2\sqrt{x}").right is None
