"""The questions of a published benchmark as records of a source: the first turn to be asked, and the question itself.

    benchmark_questions("gsm8k", "benchmarks")
    {"messages": [{"role": "user", "content": "Natalia sold ..."}], "benchmark_question": "{\\"id\\":\\"0\\",...}"}

They are read on the node that makes rows of them, from the data directory or else from the Hugging Face hub.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from distilray.evaluate.asking.hub import hub_folder
from distilray.evaluate.benchmarks.published import BenchmarkDataError, PublishedBenchmark, Question
from distilray.evaluate.benchmarks.registry import published_benchmark
from distilray.evaluate.recorded.datasets import candidates, read_questions

QUESTION = "benchmark_question"
"""Column of rows with their question, as JSON."""
ENDS = 1 << 16
"""Bytes at the beginning and at the end of a file that tell it from others of its name and size."""


def benchmark_questions(benchmark: str, data_dir: str | None = None) -> Iterator[dict[str, Any]]:
    """The questions of ``benchmark`` in their order.

    Raises :class:`BenchmarkDataError` where its data set is missing or of another release: the text says what to put
    where.
    """
    asked = published_benchmark(benchmark).asker()
    for question in asked_questions(asked, data_dir):
        yield {
            "messages": [{"role": "user", "content": asked.turns(question)[0]}],
            QUESTION: msgspec.json.encode(question).decode(),
        }


def asked_questions(asked: PublishedBenchmark, data_dir: str | None) -> list[Question]:
    """All questions of one that :meth:`PublishedBenchmark.asker` gave; see :func:`benchmark_questions`."""
    return read_questions(asked, _files(asked, data_dir))


def data_identity(asked: PublishedBenchmark, data_dir: str | None) -> list[tuple[str, int, str]]:
    """Name, size and a hash of the ends of each file of the data set, wherever it lies."""
    return [(path.name, path.stat().st_size, _ends(path)) for path, _ in _files(asked, data_dir)]


def _files(asked: PublishedBenchmark, data_dir: str | None) -> list[tuple[Path, str]]:
    """Those of the first alternative of its layout that is there."""
    if data_dir is None:
        return candidates(asked, hub_folder(asked))[0]
    try:
        return candidates(asked, data_dir)[0]
    except BenchmarkDataError as error:
        if asked.layout.hub is None:
            raise
        raise BenchmarkDataError(
            f"{error}, or name no data directory: it is then fetched from {asked.layout.hub.repository} on the hub"
        ) from error


def _ends(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as opened:
        digest.update(opened.read(ENDS))
        opened.seek(max(ENDS, path.stat().st_size - ENDS))
        digest.update(opened.read(ENDS))
    return digest.hexdigest()
