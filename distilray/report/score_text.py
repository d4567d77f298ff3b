"""How scores are written: shares as percentages, points as they are, each with its standard error or interval."""

from __future__ import annotations

import math

from distilray.evaluate import Estimate

NOTHING = "–"


def score_text(value: float, stderr: float | None, highest: float = 1.0) -> str:
    """``0.712, 0.013`` as ``71.2 % ± 1.3``; ``8.31, 0.12`` of 10 as ``8.31 ± 0.12``."""
    if math.isnan(value):
        return NOTHING
    if highest == 1.0:
        return f"{100 * value:.1f} %" + ("" if stderr is None else f" ± {100 * stderr:.1f}")
    return f"{value:.2f}" + ("" if stderr is None else f" ± {stderr:.2f}")


def difference_text(value: float, highest: float = 1.0) -> str:
    """In points: ``0.138`` as ``+13.8``, of other scales as it is."""
    if math.isnan(value):
        return NOTHING
    return f"{100 * value:+.1f}" if highest == 1.0 else f"{value:+.2f}"


def interval_text(estimate: Estimate, highest: float = 1.0) -> str:
    """``+11.0 to +16.6``."""
    if estimate.interval is None or math.isnan(estimate.value):
        return NOTHING
    return " to ".join(difference_text(bound, highest) for bound in estimate.interval)


def scale_of(highest: float, *values: float) -> float:
    """``highest``, or the largest of ``values`` where one exceeds it: of a metric with another scale."""
    return max(highest, *(value for value in values if not math.isnan(value)))
