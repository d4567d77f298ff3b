"""What a training measured in addition to its loss (margins of preferences, divergence from a teacher): small plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from distilray.report.page.curves import HEIGHT, WIDTH, series, thinned

DRAWN = (
    ("accuracy",),
    ("margin",),
    ("reward_chosen", "reward_rejected"),
    ("kl",),
    ("chosen_tokens", "rejected_tokens"),
    ("lm_loss",),
    ("divergence",),
    ("label_loss", "rationale_loss"),
    ("held_out_accuracy", "held_out_macro_f1"),
)
"""Names in metrics.jsonl, those of one plot together."""


@dataclass(frozen=True)
class Line:
    name: str
    points: str
    """Of an SVG polyline."""
    first: float
    last: float


@dataclass(frozen=True)
class Measure:
    lines: list[Line]
    bounds: tuple[float, float]
    """Values at the bottom and the top."""
    zero: float
    """Height of 0, in percent from the top."""


def measures(records: list[dict[str, Any]]) -> list[Measure]:
    """Plots of the records of a ``metrics.jsonl``; measures with fewer than two steps are left out."""
    found = []
    for names in DRAWN:
        drawn = {name: thinned(points) for name in names if len(points := series(records, name)) > 1}
        if drawn:
            found.append(_measure(drawn))
    return found


def _measure(drawn: dict[str, np.ndarray]) -> Measure:
    values = np.concatenate([points[:, 1] for points in drawn.values()])
    low, high = float(min(values.min(), 0)), float(max(values.max(), 0))
    span, steps = (high - low) or 1.0, max(points[-1, 0] for points in drawn.values())
    lines = [
        Line(
            name,
            " ".join(f"{WIDTH * x / steps:.1f},{HEIGHT * (high - y) / span:.1f}" for x, y in points),
            float(points[0, 1]),
            float(points[-1, 1]),
        )
        for name, points in drawn.items()
    ]
    return Measure(lines, (low, high), 100 * high / span)
