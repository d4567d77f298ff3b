"""How far a classifier's types of task agree with a language model's, over the rows that both labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from distilray.report.page.survey import Survey

OTHERS_SHOWN = 3


@dataclass(frozen=True)
class TaskLabels:
    """Of one label of the classifier: how many rows it gave it, how many of them the model gave it too, and what the
    model said most often instead."""

    task: str
    rows: int
    agreed: int
    instead: list[tuple[str, int]]

    @property
    def share(self) -> float:
        return self.agreed / self.rows


@dataclass(frozen=True)
class Agreement:
    rows: int
    share: float
    stderr: float
    tasks: list[TaskLabels]


def task_labels(surveys: Sequence[Survey]) -> Agreement | None:
    """At the first stage that has audited labels; None without any."""
    pairs = next((survey.labelled for survey in surveys if survey.labelled), None)
    if pairs is None:
        return None
    by_task: dict[str, Counter[str]] = {}
    for (classifiers, models), count in pairs.items():
        by_task.setdefault(classifiers, Counter())[models] += count
    tasks = [_of_task(task, counts) for task, counts in by_task.items()]
    rows = sum(task.rows for task in tasks)
    share = sum(task.agreed for task in tasks) / rows
    ordered = sorted(tasks, key=lambda task: (-task.rows, task.task))
    return Agreement(rows, share, sqrt(share * (1 - share) / rows), ordered)


def _of_task(task: str, counts: Counter[str]) -> TaskLabels:
    instead = sorted(((label, n) for label, n in counts.items() if label != task), key=lambda pair: (-pair[1], pair[0]))
    return TaskLabels(task, counts.total(), counts[task], instead[:OTHERS_SHOWN])
