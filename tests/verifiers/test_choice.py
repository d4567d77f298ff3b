"""Choice: letters, numbers and option text, in both languages."""

from __future__ import annotations

import pytest

from distilray.verifiers import verify_now

CITIES = ["Paris", "London", "New York", "York"]


@pytest.mark.parametrize(
    ("answer", "reference", "options", "is_right"),
    [
        ("B", "B", None, True),
        ("b)", "B", None, True),
        ("The answer is (B).", "B", None, True),
        ("The answer is (B).", "C", None, False),
        (r"\boxed{\text{(C)}}", "C", None, True),
        ("I think A is wrong, so the answer is C because it fits.", "C", None, True),
        ("A dog is an animal. I choose D", "D", None, True),
        ("A dog is an animal. I choose D", "A", None, False),
        ("<think>B?</think>The answer is C", "C", None, True),
        ("答案是C", "C", None, True),
        ("故选：D。", "D", None, True),
        ("选择B，因为它最大。", "B", None, True),
        ("选择B，因为它最大。", "A", None, False),
        ("③", "3", None, True),
        ("the correct option is 2", "B", CITIES, True),
        ("2", 1, CITIES, False),
        ("A and C", "AC", None, True),
        ("答案：A、C", "AC", None, True),
        ("答案：A、B", "AC", None, False),
        ("London", "B", CITIES, True),
        ("It is New York.", "New York", CITIES, True),
        ("It is York.", "New York", CITIES, False),
        ("The capital is Paris, of course", "London", CITIES, False),
        ("**B. London**", "B", CITIES, True),
        ("答案是北京", "A", ["北京", "上海"], True),
        ("答案是上海", "A", ["北京", "上海"], False),
    ],
)
def test_choice(answer: str, reference: object, options: list[str] | None, is_right: bool):
    assert verify_now("choice", answer, reference, options=options).right is is_right


@pytest.mark.parametrize("answer", ["I don't know", "The answer is a banana", ""])
def test_no_choice_is_undecided(answer: str):
    assert verify_now("choice", answer, "B").right is None


def test_a_reference_that_names_no_option_is_undecided():
    assert verify_now("choice", "B", "Rome", options=CITIES).right is None
