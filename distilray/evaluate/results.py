"""Results of evaluations: an accuracy always comes with its standard error and its cost in tokens.

Result(model="student_after", benchmark="gsm8k", metric="exact_match", value=0.71, stderr=0.012,
       mean_output_tokens=183.0, questions=1319, truncated=4)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from distilray.errors import DistilrayError
from distilray.evaluate.conditions import Conditions
from distilray.evaluate.statistics import Estimate, passes, ratio
from distilray.ledger import UnitInput, kept_rows, unit_columns
from distilray.storage import Store

DIRECTORY = "evaluations"
RESULT = "result.json"
NEEDED = ("id", "correct_share", "answer_tokens", "truncated")
FURTHER = ("correct", "unparsed", "cluster", "phrasing_shares")
"""Columns that a benchmark's step may write beside :data:`NEEDED`: which samples are correct, how many could not be
read, what questions that are not independent share, and the share correct under each phrasing."""


class NoAnswers(DistilrayError):
    """No question of a benchmark was answered."""


class Result(msgspec.Struct, kw_only=True):
    """One model on one benchmark."""

    model: str
    benchmark: str
    metric: str
    value: float
    """Of the main metric: for a share the mean over questions, 0 to 1."""
    stderr: float
    """Standard error of that mean over questions, clustered where questions are grouped; 0 where there is one alone."""
    mean_output_tokens: float | None
    questions: int
    """Answered ones, over which the value is."""
    truncated: int
    """Answers cut off by the length limit; they count as wrong."""
    unparsed: int = 0
    """Answers from which nothing could be read; they count as wrong."""
    samples: int = 1
    """Answers to each question."""
    clusters: int = 0
    """Independent groups of questions behind the standard error; as many as questions where nothing groups them."""
    missing: int = 0
    """Questions without an answer."""
    highest: float = 1.0
    """The highest possible value: 1 for a share, 10 for a judge's points, 100 for a percentage."""
    metrics: dict[str, Estimate] = {}
    """Every metric, the main one first: pass@k where there are several samples."""
    phrasings: list[Estimate] = []
    """The main metric under each phrasing of the questions, where they were asked in several."""
    fingerprint: str = ""
    conditions: Conditions | None = None

    @property
    def truncated_share(self) -> float:
        return self.truncated / max(self.questions * self.samples, 1)

    @property
    def unparsed_share(self) -> float:
        return self.unparsed / max(self.questions * self.samples, 1)

    @property
    def sensitivity(self) -> float | None:
        """The highest less the lowest value under any phrasing; None where there is one phrasing."""
        values = [estimate.value for estimate in self.phrasings]
        return max(values) - min(values) if values else None


def measured(store: Store, units: Sequence[UnitInput], model: str, benchmark: str, metric: str) -> Result:
    """The result of the answered rows in ``units``; only numbers are read, never the answers.

    Raises :class:`NoAnswers` if no question was answered.
    """
    rows = [row for unit in units for row in _numbers(store, unit)]
    if not rows:
        raise NoAnswers(f"benchmark {benchmark!r}: {model} answered no question; do its rows have references?")
    clusters = [row.get("cluster") or row["id"] for row in rows]
    main = ratio([row["correct_share"] for row in rows], clusters=clusters)
    samples = [row.get("correct") or [] for row in rows]
    counts = [(len(each), sum(map(bool, each))) for each in samples]
    phrased = [row.get("phrasing_shares") or [] for row in rows]
    several = len(phrased[0]) if len({len(each) for each in phrased}) == 1 else 0
    return Result(
        model=model,
        benchmark=benchmark,
        metric=metric,
        value=main.value,
        stderr=main.stderr or 0.0,
        mean_output_tokens=sum(row["answer_tokens"] for row in rows) / len(rows),
        questions=len(rows),
        truncated=sum(row["truncated"] for row in rows),
        unparsed=sum(row.get("unparsed") or 0 for row in rows),
        samples=max(1, max(map(len, samples))),
        clusters=main.n,
        metrics={metric: main, **(passes(counts, clusters) if all(samples) and not several else {})},
        phrasings=[ratio([each[k] for each in phrased], clusters=clusters) for k in range(several)],
    )


def _numbers(store: Store, unit: UnitInput) -> list[dict[str, Any]]:
    """The numbers of a unit's answered rows; a unit of an earlier version has fewer columns."""
    there = unit_columns(store, unit)
    return kept_rows(store, unit, [*NEEDED, *(name for name in FURTHER if name in there)]).to_pylist()


def read_results(store: Store) -> list[Result]:
    """All results of a run, in the order of benchmarks and models."""
    found = []
    for model in store.names(DIRECTORY):
        for benchmark in store.names(f"{DIRECTORY}/{model}"):
            path = f"{DIRECTORY}/{model}/{benchmark}/{RESULT}"
            if store.exists(path):
                found.append(msgspec.convert(store.read_json(path), Result))
    return sorted(found, key=lambda result: (result.benchmark, result.model))
