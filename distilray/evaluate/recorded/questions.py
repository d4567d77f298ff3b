"""Where an evaluation's questions come from: what the benchmark knows of itself, a data directory, or the responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from distilray.evaluate.benchmarks.published import BenchmarkDataError, PublishedBenchmark, Question
from distilray.evaluate.recorded.datasets import candidates, named, question_of, read_questions
from distilray.evaluate.recorded.forms import ResponseError
from distilray.evaluate.recorded.matching import QuestionIndex
from distilray.evaluate.recorded.responses import Response


def questions_for(
    benchmark: PublishedBenchmark, read: Sequence[Response], data_dir: str | None
) -> tuple[list[Question], list[str]]:
    """The questions of which ``read`` answers some, and what is to be said of them.

    Raises:
        InputError: no data directory where one is needed, or none that holds the benchmark; another release.
    """
    known = benchmark.known_questions()
    if known and _any_answered(benchmark, known, read):
        return known, []
    if data_dir is not None and not known:
        questions = _from_directory(benchmark, read, data_dir)
        short = benchmark.questions - len(questions)
        part = f"the data set has {len(questions):,} of the release's {benchmark.questions:,} questions"
        return questions, [part] if short else []
    carried: dict[str, Question] = {}
    places: Counter[str] = Counter()
    for response in read:
        question = _carried(benchmark, response)
        if question is not None and (key := question.full or question.text) not in carried:
            carried[key] = named(question, places)
    if not carried:
        raise ResponseError(
            f"{read[0].place}: the responses do not carry their questions, so --data-dir has to\n  {benchmark.remedy}"
        )
    note = (
        f"the questions are those that the responses carry: {len(carried):,} of the release's {benchmark.questions:,}"
    )
    return list(carried.values()), [note]


def _carried(benchmark: PublishedBenchmark, response: Response) -> Question | None:
    """The question in the response's own record, where that has all of its data set's columns."""
    record = response.doc or response.record
    whole = all(record.get(name) is not None for name in benchmark.columns)
    if not whole or (not benchmark.columns and response.doc is None):
        return None
    return question_of(benchmark, record, response.place)


def _from_directory(benchmark: PublishedBenchmark, read: Sequence[Response], data_dir: str) -> list[Question]:
    """The first data set in the directory that has a question which is answered; else the first of all."""
    first: list[Question] | None = None
    for files in candidates(benchmark, data_dir):
        try:
            questions = read_questions(benchmark, files)
        except BenchmarkDataError:
            if first is None:
                raise
            continue  # another reading of the same folder
        if _any_answered(benchmark, questions, read):
            return questions
        first = first or questions
    assert first is not None  # candidates raises where there are none
    return first


def _any_answered(benchmark: PublishedBenchmark, questions: Sequence[Question], read: Sequence[Response]) -> bool:
    index = QuestionIndex(benchmark, questions)
    return any(index.knows(response) for response in read)
