"""Results side by side: the student before and after, with the uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE

ORDER = (STUDENT_BEFORE, STUDENT_AFTER)
SURE = 1.96
"""Standard errors to each side that make an interval of 95 %."""


@dataclass(frozen=True)
class Line:
    """A model's result with its 95 % interval; all are shares, 0 to 1."""

    result: dict[str, Any]
    low: float
    high: float


@dataclass(frozen=True)
class BenchmarkResults:
    name: str
    metric: str
    lines: list[Line]
    gain: tuple[float, float] | None
    """(after minus before, its standard error), the two taken as independent: the same questions were asked, so
    the true error is rather smaller."""

    def value(self, model: str) -> float | None:
        return next((line.result["value"] for line in self.lines if line.result["model"] == model), None)


def benchmarks(results: list[dict[str, Any]]) -> list[BenchmarkResults]:
    """The results by benchmark: the student before, the student after, then other models."""
    names = dict.fromkeys(result["benchmark"] for result in results)
    return [_benchmark(name, [result for result in results if result["benchmark"] == name]) for name in names]


def _benchmark(name: str, results: list[dict[str, Any]]) -> BenchmarkResults:
    place = {model: k for k, model in enumerate(ORDER)}
    ordered = sorted(results, key=lambda result: (place.get(result["model"], len(ORDER)), result["model"]))
    lines = [_line(result) for result in ordered]
    by_model = {result["model"]: result for result in results}
    gain = None
    if set(ORDER) <= by_model.keys():
        before, after = (by_model[model] for model in ORDER)
        gain = after["value"] - before["value"], math.hypot(after["stderr"], before["stderr"])
    return BenchmarkResults(name, results[0]["metric"], lines, gain)


def _line(result: dict[str, Any]) -> Line:
    reach = SURE * result["stderr"]
    return Line(result, max(0.0, result["value"] - reach), min(1.0, result["value"] + reach))
