"""The distribution of numbers that steps wrote, for rows that stayed and rows that left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from distilray.report.page.survey import Survey

BINS = 24
DISTINCT = 20
"""Up to this many different whole numbers have a bar each."""


@dataclass(frozen=True)
class Bar:
    """Heights in percent of the tallest bar; ``low`` to ``high`` is what falls into it."""

    low: float
    high: float
    stayed: int
    left: int
    stayed_height: float
    left_height: float


@dataclass(frozen=True)
class Histogram:
    column: str
    stage: str
    rows: int
    mean: float
    median: float
    low: float
    high: float
    bars: list[Bar]
    units: tuple[int, int] | None
    """(read, existing) if not all units were read."""


def histograms(surveys: Sequence[Survey]) -> list[Histogram]:
    """A histogram of each numeric column, at the first stage that has values in it."""
    found: dict[str, Histogram] = {}
    for survey in surveys:
        for column, numbers in survey.numbers.items():
            values, stayed = numbers.joined()
            if column in found or len(values) < 2 or _numbering(values, numbers.whole):
                continue
            there = len(survey.stage.units)
            part = (survey.units_read, there) if survey.units_read < there else None
            found[column] = Histogram(
                column,
                survey.stage.name,
                len(values),
                float(values.mean()),
                float(np.median(values)),
                float(values.min()),
                float(values.max()),
                list(_bars(values, stayed, numbers.whole)),
                part,
            )
    return list(found.values())


def _numbering(values: np.ndarray, whole: bool) -> bool:
    """Whether these are ranks, 1 to n, whose distribution says nothing."""
    return whole and values.min() == 1 and values.max() == len(values) and len(np.unique(values)) == len(values)


def _bars(values: np.ndarray, stayed: np.ndarray, whole: bool) -> Iterator[Bar]:
    edges, shown = _edges(values, whole)
    stays, _ = np.histogram(values[stayed], edges)
    leaves, _ = np.histogram(values[~stayed], edges)
    tallest = max(1, (stays + leaves).max())
    for (low, high), stay, leave in zip(shown, stays.tolist(), leaves.tolist(), strict=True):
        yield Bar(low, high, stay, leave, 100 * stay / tallest, 100 * leave / tallest)


def _edges(values: np.ndarray, whole: bool) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Edges of the bins, and the range that each shows (whole numbers: the first and last in it)."""
    low, high = float(values.min()), float(values.max())
    if whole:
        step = max(1, int(np.ceil((high - low + 1) / (DISTINCT if high - low < DISTINCT else BINS))))
        starts = np.arange(low, high + 1, step)
        return np.append(starts, starts[-1] + step) - 0.5, [(s, s + step - 1) for s in starts.tolist()]
    distinct = np.unique(values)
    if 1 < len(distinct) <= DISTINCT:  # means of a few whole numbers: bars as far apart as the closest of them
        step = float(np.diff(distinct).min())
        count = round((high - low) / step) + 1
        if count <= 4 * DISTINCT:
            middles = low + step * np.arange(count)
            return np.append(middles, middles[-1] + step) - step / 2, [(m, m) for m in middles.tolist()]
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    return edges, list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
