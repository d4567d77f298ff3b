"""The entries of a recipe's section ``evaluate``: published benchmarks by name, other kinds, and users' own.

evaluate:
  - gsm8k
  - {kind: aime_2024, samples: 16, models: [student_after]}
  - {name: practice, source: {...}}                           # kind: questions is the default
  - {uses: my_package:Riddles, name: riddles, path: riddles.jsonl}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, SerializationInfo

from distilray.evaluate.asking.benchmark import Published
from distilray.evaluate.benchmarks.base import Benchmark
from distilray.evaluate.benchmarks.questions import Questions
from distilray.evaluate.benchmarks.registry import PUBLISHED, UnknownBenchmark, published_benchmark
from distilray.evaluate.judges.judged import Judged
from distilray.imports import import_object

BENCHMARKS: dict[str, type[Benchmark]] = {
    "questions": Questions,
    "judged": Judged,
}
"""Kinds other than the published benchmarks, whose names are kinds too."""

DEFAULT_KIND = "questions"


def benchmark_class(uses: str) -> type[Benchmark]:
    """A user's benchmark; :class:`ValueError` if it cannot be imported or is not one."""
    try:
        found = import_object(uses)
    except ImportError as error:
        remedy = "it must be importable where the driver runs"
        raise ValueError(f"the benchmark {uses!r} cannot be imported: {error}; {remedy}") from error
    if not (isinstance(found, type) and issubclass(found, Benchmark)):
        raise ValueError(f"{uses} is {found!r}, not a subclass of distilray.evaluate.Benchmark")
    if found.__abstractmethods__:
        raise ValueError(f"the benchmark {uses} does not implement {' and '.join(sorted(found.__abstractmethods__))}")
    return found


def place_of(benchmark: Benchmark) -> dict[str, str]:
    """How a recipe names the class of ``benchmark``: ``{kind: ...}``, or ``{uses: ...}`` for a user's own."""
    if isinstance(benchmark, Published):
        return {"kind": benchmark.published}
    cls = type(benchmark)
    for kind, known in BENCHMARKS.items():
        if known is cls:
            return {"kind": kind}
    return {"uses": f"{cls.__module__}:{cls.__qualname__}"}


def _parsed(value: Any) -> Benchmark:
    if isinstance(value, Benchmark):
        return value
    if isinstance(value, str):
        value = {"kind": _named(value)}
    if not isinstance(value, Mapping):
        raise ValueError(f"a benchmark is a mapping such as {{name: test, source: {{...}}}}, not {value!r:.60}")
    settings = dict(value)
    kind, uses = settings.pop("kind", None), settings.pop("uses", None)
    if kind is not None and uses is not None:
        raise ValueError("a benchmark has either `kind` (one of ours) or `uses` (your own), not both")
    if uses is not None:
        return benchmark_class(str(uses)).model_validate(settings)
    kind = DEFAULT_KIND if kind is None else str(kind)
    if kind in PUBLISHED:
        return Published.model_validate({**settings, "published": kind})
    if kind not in BENCHMARKS:
        raise ValueError(
            f"unknown benchmark kind {kind!r}; known are {', '.join([*BENCHMARKS, *PUBLISHED])} (your own: `uses: "
            "package:Class`)"
        )
    return BENCHMARKS[kind].model_validate(settings)


def _named(name: str) -> str:
    try:
        return published_benchmark(name).name
    except UnknownBenchmark as error:
        raise ValueError(str(error)) from error


def _written(benchmark: Benchmark, info: SerializationInfo) -> dict[str, Any]:
    settings = benchmark.model_dump(
        mode=info.mode,
        by_alias=info.by_alias,
        exclude_none=info.exclude_none,
        exclude_defaults=info.exclude_defaults,
        exclude_unset=info.exclude_unset,
    )
    if isinstance(benchmark, Published):
        del settings["published"]  # it is the kind
    return place_of(benchmark) | settings


BenchmarkEntry = Annotated[Benchmark, BeforeValidator(_parsed), PlainSerializer(_written)]
"""A recipe's entry of ``evaluate``: parsed by its kind to the kind's class, and written back as it was."""
