"""Rows that are one too many, until every phrase is in no more than its share of the rows that stay."""

from __future__ import annotations

import random
from collections import Counter

from distilray.steps.shared.caps import Phrase, capped

Held = list[tuple[int, list[int]]]


def gone(phrases: list[Phrase], share: float, held: Held) -> dict[int, int]:
    return dict(pair for some in capped(phrases, share, lambda: held) for pair in some)


def test_a_phrase_keeps_its_share_of_the_rows_that_stay() -> None:
    held = [(n, [0]) for n in range(600)]
    left = gone([Phrase("en", 1000)], 0.01, held)
    stay = 1000 - len(left)
    assert (600 - len(left)) / stay <= 0.01
    assert 600 - len(left) == 4  # of 404 rows
    assert set(left) == set(range(4, 600))


def test_a_phrase_below_its_share_loses_no_row() -> None:
    assert gone([Phrase("en", 1000)], 0.1, [(n, [0]) for n in range(99)]) == {}


def test_a_row_leaves_for_the_most_frequent_of_its_phrases_that_are_used_up() -> None:
    held = [(0, [0]), (1, [1]), (2, [0, 1]), (3, [1]), (4, [0, 1])]
    assert gone([Phrase("en", 31)] * 2, 0.1, held) == {4: 1}
    assert gone([Phrase("en", 20)] * 2, 0.1, held) == {2: 0, 3: 1, 4: 0}


def test_languages_have_limits_of_their_own() -> None:
    phrases = [Phrase("en", 100), Phrase("zh", 990)]
    left = gone(phrases, 0.05, [(n, [n % 2]) for n in range(100)])
    assert Counter(left.values()) == {0: 48, 1: 1}


def test_many_overlapping_phrases_all_come_down() -> None:
    draw = random.Random(4)
    held = [(n, sorted(draw.sample(range(8), draw.randint(1, 3)))) for n in range(900)]
    left = gone([Phrase("en", 1500)] * 8, 0.05, held)
    stay = 1500 - len(left)
    counts = Counter(phrase for n, phrases in held if n not in left for phrase in phrases)
    assert max(counts.values()) <= 0.05 * stay
    assert min(counts.values()) >= 0.03 * stay  # and no lower than need be
