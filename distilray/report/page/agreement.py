"""Whether the judge's scores agree with the verifier's verdicts, over rows that have both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distilray.report.page.survey import Survey


@dataclass(frozen=True)
class Score:
    """Rows that the judge gave one score, by the verifier's verdict; widths in percent of the fullest side."""

    score: int
    right: int
    wrong: int
    right_width: float
    wrong_width: float

    @property
    def share(self) -> float | None:
        total = self.right + self.wrong
        return self.right / total if total else None


@dataclass(frozen=True)
class Agreement:
    rows: int
    scores: list[Score]
    auc: float
    """Chance that a right answer has a higher score than a wrong one (area under the ROC curve; ties count half)."""


def agreement(surveys: Sequence[Survey]) -> Agreement | None:
    """The agreement at the last stage with both right and wrong rows; None if there is no such stage."""
    for survey in reversed(surveys):
        if not survey.judged:
            continue
        right, accuracy = np.concatenate(survey.judged, axis=1)
        if 0 < right.sum() < len(right):
            return _agreement(right.astype(bool), accuracy)
    return None


def _agreement(right: np.ndarray, accuracy: np.ndarray) -> Agreement:
    bins = np.arange(min(0, int(accuracy.min())), max(9, int(accuracy.max())) + 1)
    correct, wrongs = [np.array([(accuracy[which] == score).sum() for score in bins]) for which in (right, ~right)]
    fullest = max(correct.max(), wrongs.max())
    scores = [
        Score(score, r, w, 100 * r / fullest, 100 * w / fullest)
        for score, r, w in zip(bins.tolist(), correct.tolist(), wrongs.tolist(), strict=True)
    ]
    below = np.cumsum(wrongs) - wrongs
    auc = float((correct * (below + wrongs / 2)).sum() / (correct.sum() * wrongs.sum()))
    return Agreement(len(right), scores, auc)
