"""Parts of a set in whole numbers, languages that are evened, and what new rows are wanted."""

from __future__ import annotations

import pytest

from distilray.steps.shared.quotas import (
    Wanted,
    apportioned,
    evened,
    in_languages,
    languages_apart,
    quotas,
    scarcest,
    wanted,
)
from distilray.steps.shared.task_shares import PUBLISHED_SHARES


def test_parts_are_whole_and_sum_to_the_total() -> None:
    assert apportioned(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}
    assert apportioned(7, {"a": 0.7, "b": 0.3}) == {"a": 5, "b": 2}
    for total in (0, 1, 33, 20_001):
        assert sum(apportioned(total, PUBLISHED_SHARES).values()) == total
    assert apportioned(5, {"a": 0.0}) == {"a": 0}


def test_published_shares_sum_to_one_over_33_types_and_others() -> None:
    assert sum(PUBLISHED_SHARES.values()) == pytest.approx(1)
    assert len(PUBLISHED_SHARES) == 34
    assert PUBLISHED_SHARES["math"] == PUBLISHED_SHARES["reasoning"] == 0.167
    assert min(PUBLISHED_SHARES.values()) == pytest.approx(0.0158, abs=1e-4)


def test_every_task_is_shared_out_evenly_over_languages() -> None:
    assert quotas(1000, {"math": 0.8, "writing": 0.2}, ("en", "zh")) == {
        ("math", "en"): 400, ("math", "zh"): 400, ("writing", "en"): 100, ("writing", "zh"): 100,
    }  # fmt: skip


def test_the_scarcest_task_sets_the_size_of_all() -> None:
    shares, total = scarcest(1000, {"math": 0.5, "writing": 0.25, "art": 0.25}, {"math": 900, "writing": 30})
    assert shares == {"math": 0.5, "writing": 0.25}
    assert total == 90
    assert scarcest(50, {"math": 0.5, "writing": 0.5}, {"math": 900, "writing": 900})[1] == 50


def test_the_larger_language_is_cut_down_to_the_smaller_one_in_all_its_tasks() -> None:
    cut = evened({("math", "en"): 800, ("art", "en"): 200, ("math", "zh"): 100, ("art", "zh"): 100}, 0.05)
    assert in_languages(cut) == {"en": 210, "zh": 200}
    assert cut["math", "en"] == 168 and cut["art", "en"] == 42
    assert languages_apart(cut, ("en", "zh")) == pytest.approx(0.05)
    assert languages_apart({("math", "en"): 3}, ("en", "zh")) == float("inf")


def test_what_a_language_lacks_comes_from_the_other_and_the_rest_grows_out_of_its_own_rows() -> None:
    asked = wanted({("m", "en"): 300, ("m", "zh"): 100}, {("m", "en"): 500, ("m", "zh"): 500}, most_each=3, most=None)
    assert asked == {("m", "en"): Wanted(expand=200, localize=200), ("m", "zh"): Wanted(expand=200)}


def test_no_row_is_asked_for_more_than_it_may_give() -> None:
    asked = wanted({("m", "en"): 10, ("m", "zh"): 0}, {("m", "en"): 500, ("m", "zh"): 500}, most_each=3, most=None)
    assert asked == {("m", "en"): Wanted(expand=30, localize=10), ("m", "zh"): Wanted()}


def test_a_budget_is_shared_out_over_all_that_is_wanted() -> None:
    asked = wanted({("m", "en"): 300, ("m", "zh"): 100}, {("m", "en"): 500, ("m", "zh"): 500}, most_each=3, most=60)
    assert asked == {("m", "en"): Wanted(expand=20, localize=20), ("m", "zh"): Wanted(expand=20)}


def test_three_languages_are_filled_from_the_fullest() -> None:
    kept = {("m", "en"): 100, ("m", "zh"): 90, ("m", "ja"): 20}
    asked = wanted(kept, dict.fromkeys(kept, 100), most_each=1, most=None)
    assert asked["m", "en"] == Wanted(localize=90)
    assert asked["m", "zh"] == asked["m", "ja"] == Wanted()
