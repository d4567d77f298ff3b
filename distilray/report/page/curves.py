"""A training's loss over its steps, drawn in a box of 1000 x 300 that the page stretches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

POINTS = 300
WIDTH, HEIGHT = 1000, 300


@dataclass(frozen=True)
class Curve:
    loss: str
    """Points of an SVG polyline; long trainings are averaged down to a few hundred."""
    held_out: str
    steps: int
    ticks: list[tuple[float, float]]
    """(value, height in percent from the top), round values of the loss."""
    first: float
    last: float
    held_out_last: float | None


def curve(records: list[dict[str, Any]]) -> Curve | None:
    """The curve of the records of a ``metrics.jsonl``; None if fewer than two of them have a loss."""
    loss = series(records, "loss")
    if len(loss) < 2:
        return None
    held_out = series(records, "held_out_loss")
    drawn = thinned(loss)
    top = float(max(drawn[:, 1].max(), held_out[:, 1].max() if len(held_out) else 0))
    ticks = _ticks(top)
    top, steps = max(top, ticks[-1]), float(max(series[-1, 0] for series in (loss, held_out) if len(series)))
    return Curve(
        loss=_points(drawn, steps, top),
        held_out=_points(held_out, steps, top),
        steps=int(steps),
        ticks=[(value, 100 * (1 - value / top)) for value in ticks],
        first=float(loss[0, 1]),
        last=float(loss[-1, 1]),
        held_out_last=float(held_out[-1, 1]) if len(held_out) else None,
    )


def series(records: list[dict[str, Any]], name: str) -> np.ndarray:
    """(step, value) of the records that have it, shape (n, 2)."""
    points = [(record["step"], record[name]) for record in records if record.get(name) is not None]
    return np.array(points, float).reshape(-1, 2)


def thinned(series: np.ndarray) -> np.ndarray:
    if len(series) <= POINTS:
        return series
    return np.array([part.mean(axis=0) for part in np.array_split(series, POINTS)])


def _points(series: np.ndarray, steps: float, top: float) -> str:
    return " ".join(f"{WIDTH * x / steps:.1f},{HEIGHT * (1 - y / top):.1f}" for x, y in series)


def _ticks(top: float) -> list[float]:
    """Round values from 0 up to about ``top``, four to six of them."""
    size = 10 ** np.floor(np.log10(top / 4))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor * 5 >= top)
    return [float(step * k) for k in range(int(np.floor(top / step + 1e-9)) + 1)]
