"""Scores recorded responses: each is matched with its question and scored; nothing that is missing, doubled or cut is
dropped without being counted.

    [evaluation] = evaluate_recorded("gsm8k", "responses.jsonl", data_dir="benchmarks")
    evaluation.metrics["accuracy"].value        # 0.71
    evaluation.missing                          # questions without a response
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from distilray.errors import counted
from distilray.evaluate.benchmarks.published import PublishedBenchmark, Question, Scored
from distilray.evaluate.benchmarks.registry import published_benchmark
from distilray.evaluate.recorded.datasets import folder_of
from distilray.evaluate.recorded.forms import ResponseError, of_harness, responses_of
from distilray.evaluate.recorded.matching import QuestionIndex
from distilray.evaluate.recorded.questions import questions_for
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
    told: list[str] = []
    if benchmark.judged:
        read, told = _annotated(benchmark, read, responses, data_dir)
    questions, notes = questions_for(benchmark, read, data_dir)
    index = QuestionIndex(benchmark, questions)
    matched = [(index.find(response), response) for response in read]
    folder = str(folder_of(benchmark, data_dir)) if data_dir else None
    scored = asyncio.run(_scored(benchmark, matched))
    return [
        summarise(benchmark, model, questions, own, folder, [*notes, *told]) for model, own in _by_model(scored).items()
    ]


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
            kind = record.get("filter") if of_harness(record) else None
            if kind is not None and filters.setdefault(file.name, kind) != kind:
                continue  # the same response as another filter of the harness reads it
            found += responses_of(record, place)
    if not found:
        raise ResponseError(f"{path}: holds no response\n  give the file that the model's responses are in")
    return found


def _annotated(
    benchmark: PublishedBenchmark, read: list[Response], path: str, data_dir: str | None
) -> tuple[list[Response], list[str]]:
    """The judgments of these responses, and what is to be said of them: in place, or those that lie where the
    benchmark's project puts them.

    Raises :class:`ResponseError` where a model has none.
    """
    if any(response.judgment for response in read):
        return read, []
    judged: list[Response] = []
    for model in dict.fromkeys(response.model for response in read):
        places = benchmark.annotations(path, model, data_dir)
        found = next((own for place in places if (own := [one for one in _read(place) if _is_of(one, model)])), None)
        if found is None:
            raise ResponseError(
                f"{read[0].place}: a response without a judgment, and {benchmark.title} is scored by a judge\n  give "
                f"the judge's recorded annotations of {model or 'this model'}: {benchmark.layout.source}"
            )
        judged += found
    given = {(one.model, one.prompts[:1]): one.text for one in read}
    others = sum(given.get((one.model, one.prompts[:1]), one.text) != one.text for one in judged if one.text)
    return judged, [f"{counted(others, 'annotation')} judge other texts than these responses"] if others else []


def _is_of(response: Response, model: str) -> bool:
    return response.judgment and response.model == model


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
