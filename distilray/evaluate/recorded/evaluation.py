"""Scores recorded responses: each is matched with its question and scored; nothing that is missing, doubled or cut is
dropped without being counted.

    [evaluation] = evaluate_recorded("gsm8k", "responses.jsonl", data_dir="benchmarks")
    evaluation.metrics["accuracy"].value        # 0.71
    evaluation.missing                          # questions without a response
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from distilray.evaluate.benchmarks.published import BenchmarkDataError, PublishedBenchmark, Question, Scored
from distilray.evaluate.benchmarks.registry import published_benchmark
from distilray.evaluate.recorded.datasets import candidates, folder_of, named, question_of, read_questions
from distilray.evaluate.recorded.forms import ResponseError, responses_of
from distilray.evaluate.recorded.matching import QuestionIndex
from distilray.evaluate.recorded.responses import Response, is_cut
from distilray.evaluate.recorded.summaries import Evaluation, summarise
from distilray.sources import Malformed, Source, list_files, read_records

AT_ONCE = 256
"""Responses being scored at one time."""


def evaluate_recorded(name: str, responses: str, data_dir: str | None = None) -> list[Evaluation]:
    """The scores of the responses at ``responses`` (a file, a folder or a glob; local or a URI), one evaluation for
    each model that they name.

    Raises:
        InputError: no such benchmark, file or data set; a record without a response; a response to a question that
            does not exist; a data set of another release. The text names the place and the remedy.
    """
    benchmark = published_benchmark(name)
    read = _read(responses)
    if benchmark.judged:
        read = _annotated(benchmark, read, responses, data_dir)
    questions, notes = _questions(benchmark, read, data_dir)
    index = QuestionIndex(benchmark, questions)
    matched = [(index.find(response), response) for response in read]
    folder = str(folder_of(benchmark, data_dir)) if data_dir else None
    scored = asyncio.run(_scored(benchmark, matched))
    return [summarise(benchmark, model, questions, own, folder, notes) for model, own in _by_model(scored).items()]


def _read(path: str) -> list[Response]:
    """The responses in the files at ``path``; of a record that stands there once for each filter, the first."""
    found: list[Response] = []
    filters: dict[str, str] = {}
    source = Source(name="responses", path=path)
    for file in list_files(source):
        for number, record in read_records(source, file):
            place = f"{file.name}:{number}"
            if isinstance(record, Malformed):
                raise ResponseError(f"{place}: {record.why}\n  {record.remedy or 'Write one JSON object a record'}")
            if (
                "filter" in record
                and "doc" in record
                and filters.setdefault(file.name, record["filter"]) != record["filter"]
            ):
                continue  # the same response as another filter of the harness reads it
            found += responses_of(record, place)
    if not found:
        raise ResponseError(f"{path}: holds no response\n  give the file that the model's responses are in")
    return found


def _annotated(benchmark: PublishedBenchmark, read: list[Response], path: str, data_dir: str | None) -> list[Response]:
    """The judgments of these responses: in place, or those that lie where the benchmark's project puts them.

    Raises :class:`ResponseError` where there are none.
    """
    if any(response.judgment for response in read):
        return read
    for model in dict.fromkeys(response.model for response in read):
        for place in benchmark.annotations(path, model, data_dir):
            judged = [one for one in _read(place) if one.judgment and one.model == model]
            if judged:
                return judged
    raise ResponseError(
        f"{read[0].place}: a response without a judgment, and {benchmark.title} is scored by a judge\n  give the "
        f"judge's recorded annotations: {benchmark.layout.source}"
    )


def _questions(
    benchmark: PublishedBenchmark, read: Sequence[Response], data_dir: str | None
) -> tuple[list[Question], list[str]]:
    """The questions, and what is to be said of them: from the data directory, from what the benchmark knows of itself,
    or from the responses where these carry their questions."""
    if known := benchmark.known_questions():
        return known, []
    if data_dir is not None:
        questions = _from_directory(benchmark, read, data_dir)
        short = benchmark.questions - len(questions)
        part = f"the data set has {len(questions):,} of the release's {benchmark.questions:,} questions"
        return questions, [part] if short else []
    carried: dict[str, Question] = {}
    places: Counter[str] = Counter()
    for response in read:
        record = response.doc or response.record
        if benchmark.columns and all(record.get(name) is not None for name in benchmark.columns):
            question = question_of(benchmark, record, response.place)
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
        index = QuestionIndex(benchmark, questions)
        if any(index.knows(response) for response in read):
            return questions
        first = first or questions
    assert first is not None  # candidates raises where there are none
    return first


def _by_model(scored: Iterable[Scored]) -> dict[str, list[Scored]]:
    models: dict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        models[one.response.model].append(one)
    return models


async def _scored(benchmark: PublishedBenchmark, pairs: Sequence[tuple[Question, Response]]) -> list[Scored]:
    """Every pair with its score, in their order, so many at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(question: Question, response: Response) -> Scored:
        async with gate:
            score = await benchmark.score(question, response)
        return Scored(question=question, response=response, score=score, truncated=is_cut(response))

    return list(await asyncio.gather(*(one(*pair) for pair in pairs)))
