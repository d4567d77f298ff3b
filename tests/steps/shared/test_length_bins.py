"""A normal distribution over log lengths, in bins."""

from __future__ import annotations

import duckdb
import pytest

from distilray.steps.shared.length_bins import TAIL, Lengths, word_count
from distilray.steps.shared.sql import literal


@pytest.mark.parametrize("tail", [0.0, 0.05, 0.3])
def test_masses_sum_to_one_and_the_tail_has_its_share(tail: float) -> None:
    masses = Lengths(mean=60, deviation=0.8, tail=tail).masses()
    assert sum(masses.values()) == pytest.approx(1)
    assert masses[TAIL] == tail
    assert max(masses.keys() - {TAIL}, key=lambda number: masses[number]) in (-1, 0)


def test_every_length_has_a_bin() -> None:
    lengths = Lengths(mean=60, deviation=0.8)
    bins = [
        duckdb.connect().execute(f"SELECT {lengths.bin_of(str(words))}").fetchall()[0][0]
        for words in (0, 1, 30, 59, 61, 400, 100_000)
    ]
    assert bins == sorted(bins) and set(bins) <= set(lengths.masses())
    assert bins[3] == -1 and bins[4] == 0 and bins[-1] == TAIL


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("one two, three!", 3), ("你好，世界", 4), ("用 Python 写 3 个函数", 7), ("it's 2+3", 4)],
)
def test_words_and_characters_count_alike(text: str, words: int) -> None:
    assert duckdb.connect().execute(f"SELECT {word_count(literal(text))}").fetchall() == [(words,)]
