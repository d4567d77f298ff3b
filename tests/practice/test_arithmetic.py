"""Problems: their answers are right, and training never sees a held-out operand."""

from __future__ import annotations

import re

import pytest

from distilray.practice import problems, split_of


def operands(record: dict) -> tuple[int, int]:
    a, b = re.findall(r"\d+", record["messages"][0]["content"])
    return int(a), int(b)


@pytest.mark.parametrize("operation", ["+", "-"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_reference_is_the_result(language: str, operation: str) -> None:
    for record in problems(50, seed=1, languages=[language], operations=[operation]):
        a, b = operands(record)
        assert record["language"] == language and record["task"] == "math"
        assert int(record["reference"]) == (a + b if operation == "+" else a - b) >= 0


def test_the_same_seed_gives_the_same_problems_and_another_seed_others() -> None:
    assert list(problems(20, seed=1)) == list(problems(20, seed=1)) != list(problems(20, seed=2))


@pytest.mark.parametrize("operation", ["+", "-"])
def test_training_and_held_out_share_no_operands_in_either_order(operation: str) -> None:
    train = {frozenset(operands(r)) for r in problems(5000, seed=1, split="train", operations=[operation])}
    held_out = {frozenset(operands(r)) for r in problems(5000, seed=1, split="held_out", operations=[operation])}
    assert not train & held_out


def test_a_fifth_of_all_operands_is_held_out() -> None:
    splits = [split_of(a, b, "+") for a in range(100, 300) for b in range(100, a + 1)]
    assert 0.18 < splits.count("held_out") / len(splits) < 0.22
