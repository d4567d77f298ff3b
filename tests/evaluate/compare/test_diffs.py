"""The difference of two texts: nothing is lost, words stay whole, Chinese is compared character by character."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from distilray.evaluate import DiffPart, text_diff
from distilray.evaluate.compare.diffs import LONG


def side(parts: list[DiffPart], other: str) -> str:
    return "".join(part.text for part in parts if part.kind != other)


def test_what_stands_in_both_what_is_gone_and_what_is_new():
    assert text_diff("48 + 24 = 73, so 73.", "48 + 24 = 72, so 72.") == [
        ("same", "48 + 24 = "), ("gone", "73"), ("new", "72"), ("same", ", so "), ("gone", "73"), ("new", "72"),
        ("same", "."),
    ]  # fmt: skip
    assert text_diff("小明有3个苹果", "小红有3个苹果") == [
        ("same", "小"), ("gone", "明"), ("new", "红"), ("same", "有3个苹果"),
    ]  # fmt: skip
    assert text_diff("same", "same") == [("same", "same")]
    assert text_diff("", "new") == [("new", "new")] and text_diff("", "") == []


@pytest.mark.parametrize("seed", range(20))
def test_both_texts_can_be_put_together_again(seed: int):
    dice = random.Random(seed)
    before, after = (" ".join(dice.choices(["a", "bb", "ccc", "\n", "7.5", "数"], k=60)) for _ in range(2))
    parts = text_diff(before, after)
    assert (side(parts, "new"), side(parts, "gone")) == (before, after)
    assert all(one.kind != other.kind for one, other in pairwise(parts))


def test_long_texts_are_compared_as_far_as_they_are_shown():
    parts = text_diff("word " * 2000, "word " * 2000 + "more")
    assert parts == [("same", ("word " * 2000)[:LONG])]
