"""Comparing the answers of two models, or of one before and after: paired by question, with intervals.

[comparison] = compare_evaluations("runs/first/evaluations/student_before", "runs/first/evaluations/student_after")
comparison.metrics["exact_match"].difference.interval      # (0.71, 0.83)
comparison.changes[0].first.response, comparison.changes[0].second.response
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from distilray.evaluate.compare.answers import Answers, CompareError, Sample
from distilray.evaluate.compare.reading import read_answers, run_answers
from distilray.evaluate.statistics import Estimate, ratio
from distilray.storage import Store


class MetricChange(msgspec.Struct, frozen=True):
    """A metric of both, and the second less the first. Where either has no samples it is not paired."""

    first: Estimate
    second: Estimate
    difference: Estimate
    paired: bool


class Change(msgspec.Struct, frozen=True):
    """A question whose answers differ, with one answer of each."""

    question: str
    first: Sample
    second: Sample

    @property
    def gain(self) -> float:
        """How much better the second is, by the main metric; 0 where either has no score."""
        if self.first.score is None or self.second.score is None:
            return 0.0
        return self.second.score - self.first.score


class Comparison(msgspec.Struct, kw_only=True):
    """Two models on one benchmark."""

    benchmark: str
    first: str
    second: str
    metric: str
    metrics: dict[str, MetricChange]
    highest: float
    """The highest value that scores can have: 1 for shares."""
    shared: int
    """Questions that both answered."""
    only_first: int
    only_second: int
    gained: int
    """Questions on which the second is better."""
    lost: int
    alike: int
    """Answers that are the same text."""
    tokens: tuple[float | None, float | None]
    """Mean output tokens of each."""
    truncated: tuple[float, float]
    unparsed: tuple[float, float]
    """Shares of each one's answers."""
    changes: list[Change]
    """What differs: lost questions first, then gained ones, then those whose text alone differs."""


class _Value(NamedTuple):
    score: float
    weight: float
    cluster: str


def compare_evaluations(first: str, second: str) -> list[Comparison]:
    """What changed from the answers at ``first`` to those at ``second``: paths or URIs, see :func:`read_answers`.

    One comparison for each benchmark that both have; where a place holds several models, for each that both have.
    Raises :class:`CompareError` where there is nothing to compare.
    """
    return compare_answers(read_answers(first), read_answers(second), first, second)


def compare_answers(first: Sequence[Answers], second: Sequence[Answers], here: str, there: str) -> list[Comparison]:
    """:func:`compare_evaluations` of answers that were read from ``here`` and ``there``."""
    ours, theirs = _by_benchmark(first), _by_benchmark(second)
    common = [name for name in ours if name in theirs]
    if not common:
        raise CompareError(
            f"{here} and {there} have no benchmark in common: {', '.join(ours)} and {', '.join(theirs)}\n  give two "
            "evaluations on one benchmark"
        )
    pairs = [pair for name in common for pair in _pairs(ours[name], theirs[name], here, there)]
    return [compared(*pair) for pair in pairs]


def compare_in_run(store: Store, first: str, second: str) -> list[Comparison]:
    """What changed from one model of a run to another, on each benchmark to which both kept answers."""
    ours, theirs = (_by_benchmark(run_answers(store, model)) for model in (first, second))
    pairs = [(ours[name][first], theirs[name][second]) for name in ours if name in theirs]
    return [compared(one, other) for one, other in pairs if _by_question(one).keys() & _by_question(other).keys()]


def _by_benchmark(found: Iterable[Answers]) -> dict[str, dict[str, Answers]]:
    names: dict[str, dict[str, Answers]] = defaultdict(dict)
    for answers in found:
        names[answers.benchmark][answers.model] = answers
    return dict(names)


def _pairs(
    ours: Mapping[str, Answers], theirs: Mapping[str, Answers], here: str, there: str
) -> list[tuple[Answers, Answers]]:
    """The one model of each, or the models that both have."""
    if len(ours) == len(theirs) == 1:
        return [(next(iter(ours.values())), next(iter(theirs.values())))]
    shared = [name for name in ours if name in theirs]
    if not shared:
        raise CompareError(
            f"{here} has the models {', '.join(ours)} and {there} {', '.join(theirs)}: which of them?\n  give the "
            "folder of one model each, such as RUN/evaluations/student_after"
        )
    return [(ours[name], theirs[name]) for name in shared]


def compared(first: Answers, second: Answers) -> Comparison:
    """``second`` against ``first``, both of one benchmark."""
    ours, theirs = _by_question(first), _by_question(second)
    shared = [name for name in ours if name in theirs]
    sampled = bool(first.samples and second.samples)
    if sampled and not shared:
        raise CompareError(
            f"{first.place} and {second.place} have no question of {first.benchmark} in common\n  give evaluations of "
            "the same questions"
        )
    metric = second.metric if second.metric in _metrics(first) else first.metric
    names = [metric, *(name for name in _metrics(second) if name != metric and name in _metrics(first))]
    changes, alike = _changes(ours, theirs, shared)
    deltas = _deltas(_values(first, metric), _values(second, metric)) if sampled else {}
    return Comparison(
        benchmark=second.benchmark,
        first=first.model,
        second=second.model,
        metric=metric,
        metrics={name: _metric(first, second, name) for name in names},
        highest=second.highest,
        shared=len(shared),
        only_first=len(ours) - len(shared),
        only_second=len(theirs) - len(shared),
        gained=sum(value.score > 0 for value in deltas.values()),
        lost=sum(value.score < 0 for value in deltas.values()),
        alike=alike,
        tokens=(_tokens(first), _tokens(second)),
        truncated=(_share(first, "truncated", True), _share(second, "truncated", True)),
        unparsed=(_share(first, "parsed", False), _share(second, "parsed", False)),
        changes=changes,
    )


def _by_question(answers: Answers) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in answers.samples:
        found[sample.question].append(sample)
    return found


def _metrics(answers: Answers) -> list[str]:
    return list(dict.fromkeys([*answers.metrics, *(name for sample in answers.samples for name in sample.scores)]))


def _metric(first: Answers, second: Answers, name: str) -> MetricChange:
    ours, theirs = _values(first, name), _values(second, name)
    one, other = _estimate(first, ours, name), _estimate(second, theirs, name)
    deltas = _deltas(ours, theirs)
    if deltas:
        return MetricChange(one, other, _ratio(deltas), True)
    error = math.hypot(one.stderr or 0.0, other.stderr or 0.0)
    return MetricChange(one, other, Estimate(other.value - one.value, error, min(one.n, other.n)), False)


def _values(answers: Answers, metric: str) -> dict[str, _Value]:
    """Score and weight of each question, the means over its samples."""
    found = {}
    for question, samples in _by_question(answers).items():
        scored = [sample for sample in samples if metric in sample.scores]
        if scored:
            score = sum(sample.scores[metric] for sample in scored) / len(scored)
            weight = sum(sample.weights.get(metric, 1.0) for sample in scored) / len(scored)
            found[question] = _Value(score, weight, scored[0].cluster or question)
    return found


def _deltas(ours: Mapping[str, _Value], theirs: Mapping[str, _Value]) -> dict[str, _Value]:
    """By how much each question's score rose."""
    return {
        name: _Value(theirs[name].score - one.score, (one.weight + theirs[name].weight) / 2, one.cluster)
        for name, one in ours.items()
        if name in theirs
    }


def _estimate(answers: Answers, values: Mapping[str, _Value], name: str) -> Estimate:
    return _ratio(values) if values else answers.metrics.get(name, Estimate(math.nan, None, 0))


def _ratio(values: Mapping[str, _Value]) -> Estimate:
    return ratio(
        [value.score for value in values.values()],
        [value.weight for value in values.values()],
        [value.cluster for value in values.values()],
    )


def _changes(
    ours: Mapping[str, list[Sample]], theirs: Mapping[str, list[Sample]], shared: Sequence[str]
) -> tuple[list[Change], int]:
    """The pairs of answers that differ, and how many do not. Of several samples each has that of its number beside it;
    of a question's pairs the one with the largest difference stands for it."""
    changes, alike = [], 0
    for question in shared:
        pairs = [Change(question, *pair) for pair in zip(ours[question], theirs[question], strict=False)]
        same = [pair.first.response == pair.second.response and not pair.gain for pair in pairs]
        alike += sum(same)
        if not all(same):
            changes.append(max(pairs, key=lambda pair: abs(pair.gain)))
    changes.sort(key=lambda change: (change.gain >= 0, change.gain == 0))
    return changes, alike


def _tokens(answers: Answers) -> float | None:
    counts = [sample.output_tokens for sample in answers.samples if sample.output_tokens is not None]
    return sum(counts) / len(counts) if counts else None


def _share(answers: Answers, field: str, value: bool) -> float:
    return sum(getattr(sample, field) is value for sample in answers.samples) / max(len(answers.samples), 1)
