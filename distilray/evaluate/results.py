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
JUDGING = {
    "judge_asked": "asked",
    "judge_unread": "unread",
    "judge_cached": "cached",
    "judge_tokens_in": "tokens_in",
    "judge_tokens_out": "tokens_out",
    "judge_cost": "cost",
}
"""Columns of what a judge took, and the fields of its verdicts that they sum."""
FURTHER = ("correct", "unparsed", "cluster", "phrasing_shares", "agreed", *JUDGING)
"""Columns that a benchmark's step may write beside :data:`NEEDED`: which samples are correct, how many could not be
read, what questions that are not independent share, the share correct under each phrasing, and what a judge said."""


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
    answers: int = 0
    """Answers in all, those without a score included."""
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
    agreement: Estimate | None = None
    """Of a judge with itself: the share of pairs that it judges alike in both orders."""
    judging: dict[str, float] = {}
    """What a judge took: requests, replies that could not be read or were found in its cache, tokens, cost."""
    fingerprint: str = ""
    conditions: Conditions | None = None

    @property
    def truncated_share(self) -> float:
        return self.truncated / (self.answers or max(self.questions * self.samples, 1))

    @property
    def unparsed_share(self) -> float:
        return self.unparsed / (self.answers or max(self.questions * self.samples, 1))

    @property
    def sensitivity(self) -> float | None:
        """The highest less the lowest value under any phrasing; None where there is one phrasing."""
        values = [estimate.value for estimate in self.phrasings]
        return max(values) - min(values) if values else None


def measured(store: Store, units: Sequence[UnitInput], model: str, benchmark: str, metric: str) -> Result:
    """The result of the answered rows in ``units``; only numbers are read, never the answers.

    Raises :class:`NoAnswers` if no question was answered.
    """
    read = [row for unit in units for row in _numbers(store, unit)]
    rows = [row for row in read if row["correct_share"] is not None]  # a verdict may have none
    if not rows:
        raise NoAnswers(f"benchmark {benchmark!r}: {model} answered no question; do its rows have references?")
    clusters = [row.get("cluster") or row["id"] for row in rows]
    main = ratio([row["correct_share"] for row in rows], clusters=clusters)
    samples = [row.get("correct") or [] for row in rows]
    counts = [(len(each), sum(each)) for each in samples if all(isinstance(one, bool) for one in each)]
    further = _further(read)
    metrics = {metric: main}
    if _countable(samples, counts) and not further["phrasings"]:
        metrics |= passes(counts, clusters)
    return Result(
        model=model,
        benchmark=benchmark,
        metric=metric,
        value=main.value,
        stderr=main.stderr or 0.0,
        mean_output_tokens=sum(row["answer_tokens"] for row in rows) / len(rows),
        questions=len(rows),
        truncated=sum(row["truncated"] for row in read),
        unparsed=sum(row.get("unparsed") or 0 for row in read),
        samples=max(1, max(map(len, samples))),
        answers=sum(len(row.get("correct") or [None]) for row in read),
        clusters=main.n,
        metrics=metrics,
        **further,
    )


def further_numbers(store: Store, units: Sequence[UnitInput]) -> dict[str, Any]:
    """What the answered rows in ``units`` say beside their scores, by the fields of a result: how these depend on the
    phrasing, a judge's agreement with itself, and what it took."""
    return _further([row for unit in units for row in _numbers(store, unit)])


def _further(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    phrased = [(row.get("cluster") or row["id"], row.get("phrasing_shares") or []) for row in rows]
    several = len(phrased[0][1]) if len({len(shares) for _, shares in phrased}) == 1 else 0
    clusters = [cluster for cluster, _ in phrased]
    return {
        "phrasings": [ratio([shares[k] for _, shares in phrased], clusters=clusters) for k in range(several)],
        "agreement": _agreement(rows),
        "judging": _judging(rows),
    }


def _countable(samples: Sequence[list[Any]], counts: Sequence[tuple[int, int]]) -> bool:
    """Whether every question has answers that are right or wrong, and no points."""
    return all(samples) and len(counts) == len(samples)


def _agreement(rows: Sequence[dict[str, Any]]) -> Estimate | None:
    told = [(row["id"], float(one)) for row in rows for one in row.get("agreed") or [] if one is not None]
    return ratio([one for _, one in told], clusters=[name for name, _ in told]) if told else None


def _judging(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What judges took over all rows; nothing where none was asked."""
    taken = {field: sum(row.get(name) or 0.0 for row in rows) for name, field in JUDGING.items()}
    return taken if taken["asked"] else {}


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
