"""Words, runs of words, and which texts count as the same."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from distilray.steps.shared.shingles import hashes, numbers_in, read, runs, whole


def test_words_are_numbers_characters_letters_and_signs() -> None:
    assert read("Tom has 1,200 Apples；苹果 x+1").words == ["tom", "has", "1200", "apples", "苹", "果", "x", "+", "1"]
    assert read("3.14, 1,2 and 100,2000").words == ["3.14", "1", "2", "and", "100", "2000"]
    assert numbers_in(read("2 of 3.5").words) == ["2", "3.5"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is love?", "what  is\nLOVE"),
        ("你好，世界！", "你好 世界"),
        ("ＡＢＣ　１２３", "abc 123"),
        ("It's 1,000", "it s 1000"),
    ],
)
def test_case_spaces_width_and_punctuation_do_not_count(one: str, other: str) -> None:
    assert read(one).words == read(other).words


@pytest.mark.parametrize(("one", "other"), [("2+3", "2-3"), ("2+3", "2+4"), ("f(x)", "f[x]"), ("去年", "今年")])
def test_numbers_and_signs_count(one: str, other: str) -> None:
    assert whole(hashes(read(one).words)) != whole(hashes(read(other).words))


def test_a_text_is_read_by_character_where_most_of_it_is_chinese() -> None:
    assert read("请用 Python 写一个函数").length(3, 5) == 5
    assert read("Translate 你好 into plain English please").length(3, 5) == 3


def test_runs_of_a_short_text_are_one_and_of_none_none() -> None:
    hashed = hashes(["a", "b", "c", "d"])
    assert len(runs(hashed, 3)) == 2
    assert len(runs(hashed, 9)) == 1
    assert len(runs(hashes([]), 3)) == 0 and whole(hashes([])) == 0


def test_equal_runs_have_equal_hashes_and_others_do_not() -> None:
    one, other = (runs(hashes(text.split()), 2) for text in ("a b c d", "x b c y"))
    assert (np.isin(one, other)).tolist() == [False, True, False]
    assert whole(hashes(["a", "b"])) != whole(hashes(["b", "a"]))


def test_hashes_are_the_same_in_every_process() -> None:
    program = "from distilray.steps.shared.shingles import *; print(whole(hashes(read('one 二 3').words)))"
    there = {subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout for _ in range(2)}
    assert there == {f"{whole(hashes(read('one 二 3').words))}\n".encode()}
