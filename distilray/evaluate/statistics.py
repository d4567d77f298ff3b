"""Statistics of scores: means with standard errors clustered by what is not independent, pass@k, paired differences.

    mean = ratio(values=[1, 0, 1, 1], weights=[1, 1, 1, 1], clusters=["a", "a", "b", "c"])
    mean.value, mean.stderr          # 0.75, with "a" counted as one draw

Clusters: Miller 2024, "Adding error bars to evals" (arXiv 2411.00640). pass@k: Chen et al. 2021 (arXiv 2107.03374).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

import msgspec

Z_95 = 1.959963984540054
KS = (5, 10, 100)
"""Of pass@k, beside the number of samples that every question has."""


class Estimate(msgspec.Struct, frozen=True):
    """A mean, its standard error (None where one cluster is all there is), and over how many clusters."""

    value: float
    stderr: float | None
    n: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval, by the normal approximation."""
        if self.stderr is None:
            return None
        return self.value - Z_95 * self.stderr, self.value + Z_95 * self.stderr


def ratio(
    values: Sequence[float], weights: Sequence[float] | None = None, clusters: Sequence[Hashable] | None = None
) -> Estimate:
    """The sum of ``values`` over the sum of ``weights`` (default: their number), linearised for its standard error.

    With weights of 1 and clusters of one value each, this is the mean and the sample deviation over the root of n.
    """
    weights = [1.0] * len(values) if weights is None else weights
    total = sum(weights)
    mean = sum(values) / total
    residuals: dict[Hashable, float] = defaultdict(float)
    for place, (value, weight) in enumerate(zip(values, weights, strict=True)):
        residuals[clusters[place] if clusters is not None else place] += value - mean * weight
    n = len(residuals)
    if n < 2:
        return Estimate(mean, None, n)
    return Estimate(mean, math.sqrt(n / (n - 1) * sum(one * one for one in residuals.values())) / total, n)


def macro(parts: Sequence[Estimate]) -> Estimate:
    """The mean of the means of parts that are given, such as subjects: only what is within them was drawn."""
    errors = [part.stderr or 0.0 for part in parts]
    value = sum(part.value for part in parts) / len(parts)
    return Estimate(value, math.hypot(*errors) / len(parts), sum(part.n for part in parts))


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The chance that one of ``k`` answers is right, of which ``correct`` of ``samples`` are: without bias.

    :class:`ValueError` where there are fewer than ``k`` samples.
    """
    if k > samples:
        raise ValueError(f"pass@{k} needs {k} samples, not {samples}")
    return 1.0 - math.comb(samples - correct, k) / math.comb(samples, k)


def passes(counts: Sequence[tuple[int, int]], clusters: Sequence[Hashable] | None = None) -> dict[str, Estimate]:
    """``pass@k`` over questions, each with (samples, correct): for the fewest samples that a question has and each k of
    :data:`KS` below it; none where a question has one sample."""
    fewest = min(samples for samples, _ in counts)
    ks = sorted({k for k in (*KS, fewest) if 1 < k <= fewest})
    return {f"pass@{k}": ratio([pass_at_k(*one, k) for one in counts], clusters=clusters) for k in ks}


def paired_difference(
    first: Mapping[str, float], second: Mapping[str, float], clusters: Mapping[str, Hashable] | None = None
) -> Estimate:
    """``second`` minus ``first`` over the questions that both answered, by question.

    :class:`ValueError` where they have none in common.
    """
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise ValueError("the two have no question in common")
    by = None if clusters is None else [clusters[name] for name in shared]
    return ratio([second[name] - first[name] for name in shared], clusters=by)
