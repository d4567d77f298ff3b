"""By how much two students differ on the same problems, with a 95 % interval.

                     problem 1   2   3   4                    of a seed: share of right answers to each problem
    variant, seed 1          1   0   1   1
    control, seed 1          0   0   1   1    differences 1 0 0 0, mean .25

The mean over all problems of all seeds comes with two intervals, of which the wider one is reported:

over problems   bootstrap of the problems within each seed (scipy, percentiles): what other problems would have shown,
                had the same students been asked
over seeds      Student's t over the seeds' means: what other seeds, with other rows and problems, would have shown;
                wide, because there are few seeds
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Shares = Mapping[int, Sequence[float]]
"""Of each seed, the share of right answers to each of its problems, always in the same order."""
Interval = tuple[float, float]

CONFIDENCE = 0.95
RESAMPLES = 4999


@dataclass(frozen=True)
class Difference:
    """``variant - control`` in accuracy, from -1 to 1."""

    mean: float
    by_seed: dict[int, float]
    over_problems: Interval
    over_seeds: Interval | None
    """None with one seed."""

    @property
    def interval(self) -> Interval:
        """The wider of the two on either side."""
        both = [self.over_problems, *([self.over_seeds] if self.over_seeds else [])]
        return min(low for low, _ in both), max(high for _, high in both)

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the interval excludes zero."""
        low, high = self.interval
        return "better" if low > 0 else "worse" if high < 0 else "no difference shown"


def difference(variant: Shares, control: Shares) -> Difference:
    """Of the seeds that both have. Raises ValueError where there are none, or where the problems are not as many."""
    seeds = sorted({*variant} & {*control})
    if not seeds:
        raise ValueError(f"no seed in common: {sorted(variant)} and {sorted(control)}")
    paired = [[a - b for a, b in zip(variant[seed], control[seed], strict=True)] for seed in seeds]
    means = [statistics.fmean(some) for some in paired]
    return Difference(
        mean=statistics.fmean(means),
        by_seed=dict(zip(seeds, means, strict=True)),
        over_problems=over_problems(paired),
        over_seeds=over_seeds(means) if len(means) > 1 else None,
    )


def over_problems(paired: Sequence[Sequence[float]]) -> Interval:
    """Of the mean of the seeds' means, by resampling the problems of each seed."""
    import numpy as np
    from scipy.stats import bootstrap

    def mean_of_means(*seeds: np.ndarray, axis: int) -> np.ndarray:
        return np.mean([seed.mean(axis=axis) for seed in seeds], axis=0)

    found = bootstrap(
        [np.asarray(some) for some in paired],
        mean_of_means,
        n_resamples=RESAMPLES,
        batch=500,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def over_seeds(means: Sequence[float]) -> Interval:
    """Of the mean of ``means``, at least two of them."""
    from scipy.stats import t

    middle = statistics.fmean(means)
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(means) - 1)) * statistics.stdev(means) / math.sqrt(len(means))
    return middle - half, middle + half
