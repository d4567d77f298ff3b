"""The questions of a benchmark from a data directory: ``DIR/NAME/...``, ``DIR/...`` itself, or one file of them."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from distilray.evaluate.benchmarks.published import BenchmarkDataError, Layout, PublishedBenchmark, Question
from distilray.sources import Malformed, read_file

SUBSET = "{subset}"


def folder_of(benchmark: PublishedBenchmark, data_dir: str) -> Path:
    """The benchmark's own folder in ``data_dir``, or ``data_dir`` itself where it has none."""
    base = Path(data_dir).expanduser()
    if not base.exists():
        raise BenchmarkDataError(f"--data-dir {data_dir}: does not exist\n  {benchmark.remedy}")
    own = base / benchmark.name
    return own if own.is_dir() else base


def candidates(benchmark: PublishedBenchmark, data_dir: str) -> list[list[tuple[Path, str]]]:
    """Files with the subsets that their paths name, for each alternative of the layout that is there.

    Raises :class:`BenchmarkDataError` where none is.
    """
    base = folder_of(benchmark, data_dir)
    if base.is_file():
        return [[(base, "")]]
    found = [files for patterns in benchmark.layout.files if (files := _matching(base, patterns))]
    if not found:
        there = ", ".join(sorted(path.name for path in base.iterdir())[:6]) or "nothing"
        raise BenchmarkDataError(f"{base}: no data set of {benchmark.title} (it holds {there})\n  {benchmark.remedy}")
    return found


def read_questions(benchmark: PublishedBenchmark, files: Sequence[tuple[Path, str]]) -> list[Question]:
    """The questions in ``files``, of the release that the benchmark means.

    Raises :class:`BenchmarkDataError` for a record that is none, for two of one id, and for another release.
    """
    questions: dict[str, Question] = {}
    places: Counter[str] = Counter()
    for path, subset in files:
        for number, record in _records(path, benchmark.layout):
            place = f"{path}:{number}"
            if isinstance(record, Malformed):
                raise BenchmarkDataError(f"{place}: {record.why}\n  {record.remedy or benchmark.remedy}")
            question = question_of(benchmark, record, place, subset)
            if question is None:
                continue
            question = named(question, places)
            if question.id in questions:
                raise BenchmarkDataError(f"{place}: the question {question.id} is there twice\n  {benchmark.remedy}")
            questions[question.id] = question
    where = str(files[0][0] if len(files) == 1 else files[0][0].parent)
    if not questions:
        raise BenchmarkDataError(f"{where}: no question of {benchmark.title}\n  {benchmark.remedy}")
    arranged = benchmark.arranged(list(questions.values()))
    benchmark.check_release(arranged, where)
    return arranged


def question_of(benchmark: PublishedBenchmark, record: dict[str, Any], place: str, subset: str = "") -> Question | None:
    """The question in ``record``; :class:`BenchmarkDataError` where it lacks a column of the data set."""
    missing = [name for name in benchmark.columns if record.get(name) in (None, "")]
    if missing:
        raise BenchmarkDataError(
            f"{place}: no {' and no '.join(missing)}; the record has {', '.join(map(str, record))}: not a record of "
            f"{benchmark.title}, or of another release\n  {benchmark.remedy}"
        )
    try:
        return benchmark.question(record, subset)
    except BenchmarkDataError as error:
        raise BenchmarkDataError(f"{place}: {error}") from error
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BenchmarkDataError(
            f"{place}: not a record of {benchmark.title} ({type(error).__name__}: {error}); it has "
            f"{', '.join(map(str, record))}\n  {benchmark.remedy}"
        ) from error


def named(question: Question, places: Counter[str]) -> Question:
    """``question`` with an id: its own, or its place in its subset, which ``places`` counts."""
    if question.id:
        return question
    place = places[question.subset]
    places[question.subset] += 1
    return msgspec.structs.replace(question, id=f"{question.subset}/{place}" if question.subset else str(place))


def _matching(base: Path, patterns: Sequence[str]) -> list[tuple[Path, str]]:
    found = []
    for pattern in patterns:
        expression = re.escape(pattern).replace(re.escape(SUBSET), "(?P<subset>[^/]+?)").replace(r"\*", "[^/]*")
        for path in sorted(base.glob(pattern.replace(SUBSET, "*"))):
            if match := re.fullmatch(expression, path.relative_to(base).as_posix()):
                found.append((path, match.groupdict().get("subset") or ""))
    return found


def _records(path: Path, layout: Layout) -> Iterator[tuple[int, Any]]:
    name = path.name.removesuffix(".gz")
    if not name.endswith(".csv"):
        yield from read_file(str(path))
        return
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, fieldnames=layout.csv or None)
        yield from enumerate(reader, 1)
