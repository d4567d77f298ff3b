"""Sketches: which pairs meet, and how similar they are."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from distilray.steps.shared.minhash import PERMUTATIONS, Banding, Sketcher, banding, jaccard


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_miss_at_most_one_percent_at_the_threshold(threshold: float) -> None:
    bands, width = banding(threshold)
    assert bands * width <= PERMUTATIONS
    assert (1 - threshold**width) ** bands <= 0.01


def test_a_higher_threshold_has_fewer_candidates() -> None:
    assert banding(0.9).width > banding(0.7).width
    assert banding(None) == Banding(0, 0)


def test_similarities_are_exact() -> None:
    one = pa.array([[1, 2, 3, 4], [7], [1, 2]], pa.list_(pa.uint32()))
    other = pa.array([[3, 4, 5, 6], [7], [8, 9, 10]], pa.list_(pa.uint32()))
    assert jaccard(one, other).tolist() == pytest.approx([1 / 3, 1.0, 0.0])


def sentences(draw: random.Random, number: int) -> list[str]:
    vocabulary = [f"w{chr(97 + k % 26)}{chr(97 + k // 26 % 26)}{chr(97 + k // 676)}" for k in range(5000)]
    return [" ".join(draw.choices(vocabulary, k=40)) for _ in range(number)]


def changed(draw: random.Random, text: str, words: int) -> str:
    parts = text.split()
    for place in draw.sample(range(len(parts)), words):
        parts[place] = "other"
    return " ".join(parts)


def test_pairs_at_the_threshold_meet_in_a_band() -> None:
    draw = random.Random(1)
    texts = sentences(draw, 400)
    near = [changed(draw, text, 1) for text in texts]
    sketcher = Sketcher(banding(0.8), words=3, characters=5, numbers_agree=True)
    one, other = (sketcher.table(range(len(some)), some) for some in (texts, near))
    similar = jaccard(one["shingles"].combine_chunks(), other["shingles"].combine_chunks()) >= 0.8
    met = np.zeros(len(texts), bool)
    for band in banding(0.8).columns:
        met |= np.array(one[band]) == np.array(other[band])
    assert similar.sum() > 200
    assert met[similar].mean() >= 0.98


def test_texts_with_other_numbers_share_no_band() -> None:
    text = "a farmer sells apples at the market on monday and goes home with the rest of them in the evening: {}"
    for agree, shared in ((True, False), (False, True)):
        sketched = Sketcher(banding(0.8), 3, 5, agree).table([0, 1], [text.format(12), text.format(13)])
        assert any(len(set(sketched[band].to_pylist())) == 1 for band in banding(0.8).columns) is shared


def test_a_text_without_words_has_no_sketch() -> None:
    assert Sketcher(banding(0.8), 3, 5, True).table([0, 1, 2], ["", "a b", "  !?"])["n"].to_pylist() == [1]
