"""Results side by side: the student before and after, with the uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE, Comparison, Estimate
from distilray.report.bars import Bar, Group, bars_svg
from distilray.report.score_text import difference_text, interval_text, score_text

ORDER = (STUDENT_BEFORE, STUDENT_AFTER)
SURE = 1.96
"""Standard errors to each side that make an interval of 95 %."""


@dataclass(frozen=True)
class Line:
    """A model's result; its value and 95 % interval as shares of the benchmark's scale, 0 to 1."""

    result: dict[str, Any]
    value: float
    low: float
    high: float

    @property
    def phrasings(self) -> tuple[str, str, int] | None:
        """The lowest and the highest score under any phrasing of the questions, and how many there were."""
        values = [estimate["value"] for estimate in self.result["phrasings"]]
        if not values:
            return None
        scale = self.result["highest"]
        return score_text(min(values), None, scale), score_text(max(values), None, scale), len(values)


@dataclass(frozen=True)
class BenchmarkResults:
    name: str
    metric: str
    lines: list[Line]
    gain: tuple[str, str] | None
    """(after minus before, its standard error) in points, the two taken as independent: the same questions were asked,
    so the true error is rather smaller."""
    paired: tuple[str, str, int] | None
    """The same paired by question, with its 95 % interval, and over how many questions; where answers were kept."""
    highest: float
    """Of the benchmark's scale."""

    def value(self, model: str) -> float | None:
        return next((line.result["value"] for line in self.lines if line.result["model"] == model), None)


def benchmarks(results: list[dict[str, Any]], comparisons: Sequence[Comparison] = ()) -> list[BenchmarkResults]:
    """The results by benchmark: the student before, the student after, then other models; ``comparisons`` are those of
    the student before and after."""
    names = dict.fromkeys(result["benchmark"] for result in results)
    changes = {one.benchmark: one for one in comparisons}
    return [
        _benchmark(name, [result for result in results if result["benchmark"] == name], changes.get(name))
        for name in names
    ]


def _benchmark(name: str, results: list[dict[str, Any]], change: Comparison | None) -> BenchmarkResults:
    place = {model: k for k, model in enumerate(ORDER)}
    ordered = sorted(results, key=lambda result: (place.get(result["model"], len(ORDER)), result["model"]))
    by_model = {result["model"]: result for result in results}
    scale = max(result["highest"] for result in results)
    gain = paired = None
    if change is not None:
        estimate = change.metrics[change.metric].difference
        paired = difference_text(estimate.value, scale), interval_text(estimate, scale), change.shared
    elif set(ORDER) <= by_model.keys():
        before, after = (by_model[model] for model in ORDER)
        error = math.hypot(after["stderr"], before["stderr"])
        gain = difference_text(after["value"] - before["value"], scale), difference_text(error, scale).lstrip("+")
    lines = [_line(result, scale) for result in ordered]
    return BenchmarkResults(name, results[0]["metric"], lines, gain, paired, scale)


def _line(result: dict[str, Any], scale: float) -> Line:
    reach = SURE * result["stderr"]
    low, high = max(0.0, result["value"] - reach), min(scale, result["value"] + reach)
    return Line(result, result["value"] / scale, low / scale, high / scale)


def results_picture(by_benchmark: Sequence[BenchmarkResults]) -> Markup | None:
    """All benchmarks in one picture; None where there is one alone, which its table shows as well."""
    if len(by_benchmark) < 2:
        return None
    groups = [
        Group(f"{one.name} ({one.metric})", one.highest, [_bar(line.result, one.highest) for line in one.lines])
        for one in by_benchmark
    ]
    return Markup(bars_svg(groups, "Scores of all models with their 95 % intervals"))


def _bar(result: dict[str, Any], scale: float) -> Bar:
    estimate = Estimate(result["value"], result["stderr"], result["questions"])
    label = result["model"].replace("_", " ")
    return Bar(label, estimate.value, estimate.interval, score_text(estimate.value, estimate.stderr, scale))
