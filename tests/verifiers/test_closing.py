"""What stands at the end of a text, where nothing announces an answer, and what an announcement says."""

from __future__ import annotations

import pytest

from distilray.verifiers import extract_final_answer, verify_now

STATED = [
    ("4 of them cost 4 * $7 = $28.\nWith the $5 fee he pays $28 + $5 = $33.\nA: 33", "33"),
    ("I guess 12 first.\nBut 4*8 = 32.\nA: 32", "32"),
    ("I guess the answer is 12.\nA: 32", "32"),
    ("The sum is 12 + 20.\nAnswer 32", "32"),
    ("The sum is 12 + 20.\nFinal answer: **32 apples**", "32"),
    ("### Final Answer\n\n32", "32"),
    ("**Final Answer**: The total is 32 apples.", "32"),
    ("x = 5\ny = 7\nx + y = 12", "12"),
    ("so the total = 33 apples", "33"),
    ("He pays $5 for tea and $7 for cake, so $12 in total.", "12"),
    ("Profit = $200 - $150 = $50", "50"),
    ("So the price falls from US$40 to US$18", "18"),
    ("So she has **18** apples left of 50.", "18"),
    ("The answer is 12? No.\n\n**32**", "32"),
    ("#### Step 1: add 3\nThe sum is 12", "12"),
    ("#### 33 dollars", "33"),
    (r"\boxed{5} is wrong. Let me redo: the final answer is 6.", "6"),
    ("Thus $x=33$ is our final answer.", "33"),
    ("Final Answer: The largest $n$ is 34. I hope it is correct.", "34"),
    ('{"reasoning": "3 + 4", "answer": "7"}', "7"),
    ("The answer (arabic numerals) is 70.", "70"),
    ("The answer is 3/4 of it, because 6/8 is the same.", "3/4"),
    ("So he owes -$5", "-5"),
    ("一张票7美元,4张票一共是 $7 × 4 = $28\n所以他付了28美元", "28"),
    ("所以一共有33个苹果。", "33"),
    ("答案是33", "33"),
    ("【答案】33", "33"),
    ("The answer is 33.<|im_end|>\n<|im_start|>user\nAnd 5 + 6?", "33"),
    ("Special forms:\n2x+3", "2x+3"),
]


@pytest.mark.parametrize(("text", "reference"), STATED)
def test_what_is_stated_at_the_end_is_the_answer(text: str, reference: str):
    assert verify_now("math", text, reference).right is True
    assert verify_now("math", text, "987654").right is False


@pytest.mark.parametrize(
    "text", ["She has 18 apples, and each costs 2 dollars.", "Three trucks carry 18 stones in 2 trips."]
)
def test_one_of_several_numbers_of_which_none_is_stated_is_undecided_and_another_wrong(text: str):
    assert verify_now("math", text, "18").right is None
    assert verify_now("math", text, "7").right is False
    assert extract_final_answer(text) is None


@pytest.mark.parametrize("text", ["", "I don't know", "I cannot see the image.", "<think>so 5 and then 7"])
def test_a_text_that_states_nothing_is_undecided(text: str):
    assert verify_now("math", text, "5").right is None


def test_a_sum_that_is_not_worked_out_is_no_result():
    assert verify_now("math", "482+379", "861").right is False
    assert verify_now("math", r"\boxed{482+379}", "861").right is True


@pytest.mark.parametrize("value", ["(3,-4)", "-21,-43", "8, -2", "(1.5,-2)", "1/2", "2-sqrt(3)"])
def test_a_point_and_a_list_are_no_sum(value: str):
    assert verify_now("math", value, value).right is True
    assert verify_now("math", value, "987654").right is False
