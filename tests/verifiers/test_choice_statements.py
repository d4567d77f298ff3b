"""Choice: how answers state, deny, rule out and call right; the letter that is meant or none, never another one."""

from __future__ import annotations

import itertools

import pytest

from distilray.verifiers import verify_now

NUMBERS = ["12", "3", "4", "2"]
CITIES = ["Paris", "London", "New York", "York"]
MEANT = [  # {yes} is meant, {no} is mentioned
    "The answer is not {no} but {yes}.",
    "The answer is not ({no}), but rather ({yes}).",
    "It's not {no}, it's {yes}.",
    "The correct answer isn't {no}, it's {yes}.",
    "The answer is {yes}, not {no}.",
    "({no}) fails because it is too large. ({yes}) is correct.",
    "Option {no} is incorrect. Option {yes} is correct.",
    "I think {no} is wrong, so the answer is {yes} because it fits.",
    "I was going to say {no}, but the answer is {yes}",
    "If the answer is {no}, we get a contradiction. So the answer is {yes}.",
    "The answer cannot be {no}. The answer must be {yes}.",
    "I would eliminate option {no} and go with option {yes}.",
    "({yes}) is correct since ({no}) is too small",
    "{yes}\n\nExplanation: {no} is incorrect since it is too small.",
    "The energy is \\boxed{{E = \\frac{{1}}{{2}} k x^2}} for {no}.\n\n**Answer: {yes}**",
    "\\boxed{{\\text{{{no}}}}} is what I thought.\n\nAnswer: {yes}",
    "不是{no}而是{yes}",
    "答案不是{no}而是{yes}。",
    "答案不是{no},应该选{yes}。",
    "不选{no},选{yes}",
    "所以应该选{yes}而不是{no}",
    "排除{no},答案是{yes}",
    "选项{no}错误,选项{yes}正确,故选{yes}。",
    "{no}项错误。只有{yes}是正确的。",
    "【解析】选项{no}不符合题意。\n【答案】{yes} <eoa>",
]


@pytest.mark.parametrize("text", MEANT)
def test_the_letter_that_is_meant_is_chosen_and_no_other(text: str):
    for no, yes in itertools.permutations("ABCD", 2):
        said = text.format(no=no, yes=yes)
        assert verify_now("choice", said, yes).right is True, said
        for other in set("ABCD") - {yes}:
            assert verify_now("choice", said, other).right is False, said


@pytest.mark.parametrize(
    "text",
    [
        "The answer is not A.",
        "答案不是A。",
        "A is wrong, B is wrong.",
        "If the answer is A, we get a contradiction.",
        "A. wrong\nB. wrong\nC. right\nD. wrong",
        "I like it. I am sure.",
        "Is the answer A?",
    ],
)
def test_what_settles_on_none_is_undecided(text: str):
    assert verify_now("choice", text, "A").right is None
    assert verify_now("choice", text, "D").right is None


@pytest.mark.parametrize(
    ("answer", "reference", "options", "is_right"),
    [
        ("**Answer** D", "D", None, True),
        ("**Answer**: A", "A", None, True),
        ("Hence \\boxed{v \\ll c}.\n\nAnswer: C", "C", None, True),
        ("The answer is 3.", "B", NUMBERS, True),
        ("The answer is 3.", "C", NUMBERS, False),
        ("There are \\boxed{2}.", "D", NUMBERS, True),
        ("There are \\boxed{2}.", "B", NUMBERS, False),
        ("The answer is B.", "3", NUMBERS, True),
        ("So the value is \\boxed{3}, hence **B**.", "B", NUMBERS, True),
        ("The answer is option 3", "C", CITIES, True),
        ("The capital is not Paris but London.", "B", CITIES, True),
        ("It is New York, not London.", "C", CITIES, True),
        ("We can eliminate A, B and D.", "C", CITIES, True),
        ("A and B are both wrong; C is right.", "C", None, True),
        ("Therefore, the value is **(C) New York**. I hope this helps!", "C", CITIES, True),
        ("The answer is E) None of these", "E", [*CITIES, "None of these"], True),
        ("The answer is (None of the above).", "A", CITIES, False),
        ("So the answer is (E).", "A", CITIES, False),
        ("So the answer is (A) or (B).", "A", CITIES, False),
        ("【答案】无正确答案", "A", None, False),
        ('{"reasoning": "A is wrong", "answer": "C"}', "C", None, True),
        ("\\boxed{\\frac{1}{2}}", "A", ["$\\dfrac{1}{2}$", "$\\frac13$"], True),
        ("The answer is 0.5", "A", ["1/2", "1/3"], True),
        ("正确答案是②和③。\n【答案】: B", "B", None, True),
        ("The answer is most likely C.", "C", None, True),
        ("Hence, (c) is the correct answer.", "C", None, True),
        ("B) London\n\nParis is the capital of France.", "B", CITIES, True),
    ],
)
def test_statements(answer: str, reference: str, options: list[str] | None, is_right: bool):
    assert verify_now("choice", answer, reference, options=options).right is is_right


def test_numbers_that_are_no_option_are_no_position_where_options_are_numbers():
    assert verify_now("choice", "The answer is 1.", "A", options=NUMBERS).right is None


def test_positions_count_from_zero_where_they_are_said_to():
    assert verify_now("choice", "The answer is 2", 2, options=CITIES, zero_based=True).right is True
    assert verify_now("choice", "New York", 2, options=CITIES, zero_based=True).right is True
