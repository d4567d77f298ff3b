"""Results of evaluations: an accuracy always comes with its standard error and its cost in tokens.

Result(model="student_after", benchmark="gsm8k", metric="exact_match", value=0.71, stderr=0.012,
       mean_output_tokens=183.0, questions=1319, truncated=4)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from distilray.errors import DistilrayError
from distilray.ledger import UnitInput, kept_rows
from distilray.storage import Store

DIRECTORY = "evaluations"
RESULT = "result.json"


class NoAnswers(DistilrayError):
    """No question of a benchmark was answered."""


class Result(msgspec.Struct, kw_only=True):
    """One model on one benchmark."""

    model: str
    benchmark: str
    metric: str
    value: float
    """Mean share of correct answers, 0 to 1."""
    stderr: float
    """Standard error of that mean over questions."""
    mean_output_tokens: float
    questions: int
    truncated: int
    """Answers cut off by the length limit; they count as wrong."""
    fingerprint: str = ""


def measured(store: Store, units: Sequence[UnitInput], model: str, benchmark: str, metric: str) -> Result:
    """The result of the answered rows in ``units``; only numbers are read, never the answers.

    Raises :class:`NoAnswers` if no question was answered.
    """
    shares: list[float] = []
    tokens: list[float] = []
    truncated = 0
    for unit in units:
        table = kept_rows(store, unit, ["correct_share", "answer_tokens", "truncated"])
        shares += table["correct_share"].to_pylist()
        tokens += table["answer_tokens"].to_pylist()
        truncated += sum(table["truncated"].to_pylist())
    if not shares:
        raise NoAnswers(f"benchmark {benchmark!r}: {model} answered no question; do its rows have references?")
    n, mean = len(shares), sum(shares) / len(shares)
    spread = math.sqrt(sum((share - mean) ** 2 for share in shares) / max(n - 1, 1))
    return Result(
        model=model,
        benchmark=benchmark,
        metric=metric,
        value=mean,
        stderr=spread / math.sqrt(n),
        mean_output_tokens=sum(tokens) / n,
        questions=n,
        truncated=truncated,
    )


def read_results(store: Store) -> list[Result]:
    """All results of a run, in the order of benchmarks and models."""
    found = []
    for model in store.names(DIRECTORY):
        for benchmark in store.names(f"{DIRECTORY}/{model}"):
            path = f"{DIRECTORY}/{model}/{benchmark}/{RESULT}"
            if store.exists(path):
                found.append(msgspec.convert(store.read_json(path), Result))
    return sorted(found, key=lambda result: (result.benchmark, result.model))
