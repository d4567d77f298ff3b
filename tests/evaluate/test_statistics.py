"""Statistics of scores against what they are by definition."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest

from distilray.evaluate import paired_difference, pass_at_k, ratio
from distilray.evaluate.statistics import Estimate, macro, passes


def test_without_clusters_it_is_the_mean_and_its_standard_error():
    values = [1.0, 0.0, 1.0, 1.0, 0.0]
    found = ratio(values)
    assert found.value == pytest.approx(statistics.mean(values))
    assert found.stderr == pytest.approx(statistics.stdev(values) / math.sqrt(5))
    low, high = found.interval or (0, 0)
    assert high - low == pytest.approx(2 * 1.96 * (found.stderr or 0), rel=1e-3)


def test_copies_of_an_observation_in_its_cluster_say_nothing_new():
    values = [1.0, 0.0, 1.0, 1.0, 0.0]
    copied = [value for value in values for _ in range(4)]
    clusters = [k for k in range(5) for _ in range(4)]
    assert ratio(copied, clusters=clusters).stderr == pytest.approx(ratio(values).stderr)
    assert (ratio(copied).stderr or 0) < 0.6 * (ratio(values).stderr or 0)


def test_weights_count_observations_of_a_value():
    assert ratio([2.0, 1.0], [2.0, 3.0]).value == pytest.approx(3 / 5)
    assert ratio([1.0]).stderr is None


def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_one():
    answers = [1, 1, 0, 0, 0, 0]
    for k in range(1, 7):
        draws = [max(draw) for draw in itertools.combinations(answers, k)]
        assert pass_at_k(6, 2, k) == pytest.approx(statistics.mean(draws))
    with pytest.raises(ValueError, match="needs 7 samples, not 6"):
        pass_at_k(6, 2, 7)


def test_a_paired_difference_is_over_what_both_answered():
    first, second = {"a": 0.0, "b": 1.0, "c": 0.0}, {"a": 1.0, "b": 1.0, "d": 0.0}
    found = paired_difference(first, second)
    assert (found.value, found.n) == (0.5, 2)
    assert paired_difference(first, second, {"a": 1, "b": 1}).n == 1
    with pytest.raises(ValueError, match="no question in common"):
        paired_difference(first, {"x": 1.0})


def test_the_macro_mean_has_the_error_within_its_parts():
    found = macro([Estimate(0.5, 0.3, 4), Estimate(1.0, 0.4, 4)])
    assert (found.value, found.stderr, found.n) == (0.75, 0.25, 8)


def test_pass_at_the_number_of_samples_and_below_it_is_the_mean_over_questions():
    counts = [(6, 2), (7, 0), (6, 6)]
    found = passes(counts)
    assert list(found) == ["pass@5", "pass@6"]
    assert found["pass@6"].value == pytest.approx(2 / 3)
    assert found["pass@5"].value == pytest.approx((pass_at_k(6, 2, 5) + 0 + 1) / 3)
    assert passes(counts, ["a", "a", "b"])["pass@6"].n == 2
    assert passes([(1, 1), (6, 2)]) == {}
