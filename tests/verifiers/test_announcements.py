"""Announcements are looked for where their words begin, and found as the whole pattern would find them."""

from __future__ import annotations

import random
import re

import pytest

from distilray.verifiers.announcements import announcements
from distilray.verifiers.choice import _STATED

WORDS = (
    "The final answer is", "the correct option would be:", "Answer: ", "ANSWER. B", "conclusion is therefore",
    "答案是", "故选", "所以应选择:", "综上,选", "。选 A", "正确的选项是", "不正确的说法有", "我选", "选", "可",
    "错误的是", "I'd choose", "we go with", "Select option", "pick (", "the incorrect one is", "going with", "It's",
    "it must be", "so", "Therefore, it is", "thus", "hence option", "**answer** ", "<answer>", "B", "(C)", "D.", "[A]",
    "Myanswer:", "wrong statement is", "if the", "\n", "\n\n> **", ", ", ". ", " ", " ", " ", "1/2", "word", "is",
    "so-called", "item", "İ", "ſ",
)  # fmt: skip


def spans(found: object) -> list[tuple[int, int]]:
    return [match.span() for match in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(20))
def test_they_are_those_of_the_pattern(seed: int) -> None:
    draw = random.Random(seed)
    total = 0
    for _ in range(100):
        text = "".join(draw.choice(WORDS) + draw.choice(("", " ")) for _ in range(draw.randint(0, 30)))
        expected = spans(_STATED.finditer(text))
        assert spans(announcements(_STATED, text)) == expected, text
        total += len(expected)
    assert total > 100


def test_they_do_not_overlap() -> None:
    assert spans(announcements(re.compile("answer so"), "answer so answer so")) == [(0, 9), (10, 19)]
    assert spans(announcements(re.compile("so."), "so so")) == [(0, 3)]
