"""Paired differences and their intervals, against cases that are written out."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from benchmarks.claims.differences import difference, over_problems, over_seeds


def test_a_case_by_hand():
    variant = {1: [1, 0, 1, 1], 2: [1, 1, 1, 0]}
    control = {1: [0, 0, 1, 1], 2: [0, 0, 1, 1]}
    found = difference(variant, control)
    assert found.by_seed == {1: 0.25, 2: 0.25}
    assert found.mean == 0.25
    assert found.over_seeds == (0.25, 0.25)
    # Two seeds of four problems: +1 0 0 0 and +1 +1 0 -1. No resample of the first has a mean outside 0 to 1.
    low, high = found.over_problems
    assert -0.5 <= low <= 0.0 and 0.5 <= high <= 1.0
    assert found.interval == (low, high)
    assert found.verdict == "no difference shown"


def test_student_s_t_over_three_seeds():
    # mean 0.02, standard deviation 0.01, t(0.975, 2) = 4.302653
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert over_seeds([0.01, 0.02, 0.03]) == pytest.approx((0.02 - half, 0.02 + half), abs=1e-6)


def test_the_bootstrap_agrees_with_the_normal_interval_of_many_problems():
    rng = random.Random(7)
    paired = [[rng.choice([-1, 0, 0, 0, 1, 1]) for _ in range(600)] for _ in range(3)]
    error = math.sqrt(sum(statistics.variance(some) / 600 for some in paired)) / 3
    middle = statistics.fmean(map(statistics.fmean, paired))
    assert over_problems(paired) == pytest.approx((middle - 1.96 * error, middle + 1.96 * error), abs=0.003)
    assert over_problems(paired) == over_problems(paired)


def test_pairing_makes_the_interval_narrow_where_both_fail_on_the_same_problems():
    rng = random.Random(3)
    hard = {seed: [float(rng.random() < 0.5) for _ in range(600)] for seed in (1, 2, 3)}
    better = {seed: [max(right, float(k % 20 == 0)) for k, right in enumerate(some)] for seed, some in hard.items()}
    found = difference(better, hard)
    low, high = found.over_problems
    assert high - low < 0.025  # unpaired: 0.065
    assert found.verdict == "better" and difference(hard, better).verdict == "worse"


def test_the_wider_interval_counts():
    rng = random.Random(5)
    control = {seed: [0.0] * 600 for seed in (1, 2, 3)}
    share = {1: 0.02, 2: 0.1, 3: 0.3}  # seeds disagree by more than their problems explain
    variant = {seed: [float(rng.random() < share[seed]) for _ in range(600)] for seed in (1, 2, 3)}
    found = difference(variant, control)
    assert found.over_problems[0] > 0 and found.over_seeds is not None
    assert found.interval == found.over_seeds
    assert found.verdict == "no difference shown"


def test_one_seed_has_no_interval_over_seeds():
    found = difference({1: [1, 1, 0, 1]}, {1: [0, 1, 0, 0], 2: [1, 1, 1, 1]})
    assert found.by_seed == {1: 0.5} and found.over_seeds is None
    assert found.interval == found.over_problems


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match=r"no seed in common: \[1\] and \[2\]"):
        difference({1: [1.0]}, {2: [1.0]})
    with pytest.raises(ValueError, match="shorter"):
        difference({1: [1.0, 0.0]}, {1: [1.0]})
