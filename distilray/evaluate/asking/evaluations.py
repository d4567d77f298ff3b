"""What comes of a published benchmark that a model was asked: an evaluation with all its metrics, beside its result.

evaluations/MODEL/BENCHMARK/unit-*.parquet     the questions, answers and scores
evaluations/MODEL/BENCHMARK/result.json        the main metric, as of every benchmark
evaluations/MODEL/BENCHMARK/evaluation.json    every metric, and all that qualifies it
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from distilray.errors import counted
from distilray.evaluate.asking.questions import QUESTION
from distilray.evaluate.asking.step import SCORED
from distilray.evaluate.benchmarks.published import PublishedBenchmark, Question, Scored
from distilray.evaluate.benchmarks.registry import published_benchmark
from distilray.evaluate.recorded.datasets import folder_of
from distilray.evaluate.recorded.summaries import Evaluation, summarise
from distilray.evaluate.results import DIRECTORY, NoAnswers, Result
from distilray.ledger import UnitInput
from distilray.storage import Store, read_parquet

EVALUATION = "evaluation.json"


def evaluation_of(
    store: Store, units: Sequence[UnitInput], benchmark: PublishedBenchmark, model: str, data_dir: str | None
) -> Evaluation:
    """The evaluation of ``model`` by the answered rows in ``units``. A row that failed is a missing question.

    Raises :class:`NoAnswers` if every row failed.
    """
    asked = benchmark.asker()
    questions: list[Question] = []
    scored: list[Scored] = []
    failed = 0
    reason = ""
    for unit in units:
        for row in read_parquet(store, unit.path, [QUESTION, SCORED, "outcome", "reason"]).to_pylist():
            question = msgspec.json.decode(row[QUESTION], type=Question)
            if row["outcome"] == "kept":
                own = [msgspec.json.decode(one, type=Scored) for one in row[SCORED]]
                scored += own
                questions += {one.question.id: one.question for one in own}.values()
            else:
                failed, reason = failed + 1, reason or row["reason"] or ""
                questions += [replace(one, record={}) for one, _ in asked.answered(question)]
    if not scored:
        raise NoAnswers(f"benchmark {benchmark.name!r}: {model} answered no question; the first failed: {reason}")
    short = benchmark.questions - len(questions)
    notes = [f"{len(questions):,} of the release's {benchmark.questions:,} questions were asked"] if short else []
    notes += [f"{counted(failed, 'row')} failed, the first: {reason}"] if failed else []
    folder = None if data_dir is None else str(folder_of(benchmark, data_dir))
    found = summarise(benchmark, model, questions, scored, folder, notes)
    if not found.metrics[benchmark.metrics[0]].n:
        raise NoAnswers(
            f"benchmark {benchmark.name!r}: no verdict on any answer of {model} could be read; ask another judge"
        )
    return found


def result_line(evaluation: Evaluation, name: str, metric: str) -> Result:
    """The line of ``evaluation`` in tables of results: ``metric``, of the benchmark that a recipe calls ``name``."""
    estimate = evaluation.metrics[metric]
    return Result(
        model=evaluation.model,
        benchmark=name,
        metric=metric,
        value=estimate.value,
        stderr=estimate.stderr or 0.0,
        mean_output_tokens=evaluation.mean_output_tokens,
        questions=evaluation.answered,
        truncated=evaluation.truncated,
        unparsed=evaluation.unparsed,
        samples=evaluation.samples,
        answers=evaluation.responses,
        clusters=estimate.n,
        missing=evaluation.missing,
        highest=published_benchmark(evaluation.benchmark).highest,
        metrics={name: one for name, one in evaluation.metrics.items() if one.n},
    )


def write_evaluation(store: Store, directory: str, evaluation: Evaluation) -> None:
    """Writes all but the samples, which are in the rows; a metric without a value is left out."""
    metrics, subsets = (
        {name: one for name, one in found.items() if one.n} for found in (evaluation.metrics, evaluation.subsets)
    )
    store.write_json(f"{directory}/{EVALUATION}", replace(evaluation, metrics=metrics, subsets=subsets, scored=[]))


def read_evaluations(store: Store) -> list[Evaluation]:
    """Those of a run's published benchmarks, by benchmark and model, without samples."""
    found = []
    for model in store.names(DIRECTORY):
        for name in store.names(f"{DIRECTORY}/{model}"):
            path = f"{DIRECTORY}/{model}/{name}/{EVALUATION}"
            if store.exists(path):
                found.append(msgspec.convert(store.read_json(path), Evaluation))
    return sorted(found, key=lambda one: (one.benchmark, one.model))
