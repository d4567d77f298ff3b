"""What two texts have in common."""

from __future__ import annotations

import pytest

from distilray.steps.shared.overlap import near_copy, overlap


def test_overlap_counts_pieces_of_three_words_in_any_language() -> None:
    assert overlap("one two three four", "one two three four") == 1.0
    assert overlap("one two three four", "one two three five") == pytest.approx(1 / 3)
    assert overlap("小明有三个苹果", "小明有四个苹果") == pytest.approx(2 / 8)
    assert overlap("answer: 861", "answer: 851") == 0.0


def test_a_near_copy_is_found_among_several_whatever_its_case() -> None:
    others = ["Write a poem about rain.", "name three long rivers of europe and asia."]
    assert near_copy("Name three long rivers of Europe and Asia.", others, 0.9)
    assert not near_copy("Name three high mountains of Africa.", others, 0.5)
    assert not near_copy("Name three long rivers.", [], 0.1)
