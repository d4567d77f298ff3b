"""How much better one model is than another, over the questions that both answered: paired, with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from distilray.evaluate.recorded.summaries import Evaluation
from distilray.evaluate.statistics import Estimate, paired_difference


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The main metric of ``model`` minus that of ``baseline``."""

    model: str
    baseline: str
    metric: str
    estimate: Estimate
    """Over the questions, or what clusters them."""


def differences(evaluations: Sequence[Evaluation]) -> list[Difference]:
    """Of every further model to the first, on one benchmark; none for models without a common question."""
    found = []
    for other in evaluations[1:]:
        first, metric = evaluations[0], next(iter(evaluations[0].metrics))
        ours, theirs = _by_question(other, metric), _by_question(first, metric)
        if ours.keys() & theirs.keys():
            clusters = {one.question.id: one.question.cluster or one.question.id for one in first.scored}
            estimate = paired_difference(theirs, ours, clusters)
            found.append(Difference(model=other.model, baseline=first.model, metric=metric, estimate=estimate))
    return found


def _by_question(evaluation: Evaluation, metric: str) -> dict[str, float]:
    """The mean over a question's samples."""
    values: dict[str, list[float]] = defaultdict(list)
    for one in evaluation.scored:
        if metric in one.score.values:
            values[one.question.id].append(one.score.values[metric])
    return {name: sum(each) / len(each) for name, each in values.items()}
