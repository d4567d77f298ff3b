"""Benchmarks: the kinds of a recipe's entries, built in or supplied by users, and the published ones by name.

evaluate:
  - {name: practice, source: {...}}                           # kind: questions is the default
  - {uses: my_package:Riddles, name: riddles, path: riddles.jsonl}
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, SerializationInfo

from distilray.errors import InputError
from distilray.evaluate.benchmarks.aime_2024 import Aime2024
from distilray.evaluate.benchmarks.alpaca_eval import AlpacaEval
from distilray.evaluate.benchmarks.base import Benchmark
from distilray.evaluate.benchmarks.ceval import Ceval
from distilray.evaluate.benchmarks.cmmlu import Cmmlu
from distilray.evaluate.benchmarks.gpqa_diamond import GpqaDiamond
from distilray.evaluate.benchmarks.gsm8k import Gsm8k
from distilray.evaluate.benchmarks.humaneval import HumanEval
from distilray.evaluate.benchmarks.ifeval import Ifeval
from distilray.evaluate.benchmarks.livecodebench_v2 import LiveCodeBenchV2
from distilray.evaluate.benchmarks.math_500 import Math500
from distilray.evaluate.benchmarks.mbpp import Mbpp
from distilray.evaluate.benchmarks.mmlu import Mmlu
from distilray.evaluate.benchmarks.mmlu_pro import MmluPro
from distilray.evaluate.benchmarks.mt_bench import MtBench
from distilray.evaluate.benchmarks.published import PublishedBenchmark
from distilray.evaluate.benchmarks.questions import Questions
from distilray.evaluate.judges.judged import Judged
from distilray.imports import import_object

BENCHMARKS: dict[str, type[Benchmark]] = {
    "questions": Questions,
    "judged": Judged,
}

DEFAULT_KIND = "questions"

PUBLISHED: dict[str, type[PublishedBenchmark]] = {
    cls.name: cls
    for cls in (
        AlpacaEval,
        MtBench,
        Ifeval,
        Mmlu,
        Ceval,
        Cmmlu,
        Gsm8k,
        HumanEval,
        Mbpp,
        Aime2024,
        Math500,
        LiveCodeBenchV2,
        GpqaDiamond,
        MmluPro,
    )
}
"""Published benchmarks by their names."""


class UnknownBenchmark(InputError):
    """A name that no published benchmark has; the text names the nearest."""


def published_benchmark(name: str) -> PublishedBenchmark:
    """The benchmark of this name, also where it is written otherwise (``MT-Bench``, ``math500``).

    Raises :class:`UnknownBenchmark` for any other name.
    """
    bare = {re.sub(r"[^a-z0-9]", "", known): known for known in PUBLISHED}
    wanted = re.sub(r"[^a-z0-9]", "", name.lower())
    if wanted in bare:
        return PUBLISHED[bare[wanted]]()
    near = difflib.get_close_matches(wanted, bare, n=1, cutoff=0.5)
    meant = f"; the nearest is {bare[near[0]]}" if near else ""
    raise UnknownBenchmark(f"there is no benchmark {name!r}{meant}\n  known are {', '.join(PUBLISHED)}")


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
    cls = type(benchmark)
    for kind, known in BENCHMARKS.items():
        if known is cls:
            return {"kind": kind}
    return {"uses": f"{cls.__module__}:{cls.__qualname__}"}


def _parsed(value: Any) -> Benchmark:
    if isinstance(value, Benchmark):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"a benchmark is a mapping such as {{name: test, source: {{...}}}}, not {value!r:.60}")
    settings = dict(value)
    kind, uses = settings.pop("kind", None), settings.pop("uses", None)
    if kind is not None and uses is not None:
        raise ValueError("a benchmark has either `kind` (one of ours) or `uses` (your own), not both")
    if uses is not None:
        return benchmark_class(str(uses)).model_validate(settings)
    kind = DEFAULT_KIND if kind is None else kind
    if kind not in BENCHMARKS:
        raise ValueError(
            f"unknown benchmark kind {kind!r}; known are {', '.join(BENCHMARKS)} (your own: `uses: package:Class`)"
        )
    return BENCHMARKS[kind].model_validate(settings)


def _written(benchmark: Benchmark, info: SerializationInfo) -> dict[str, Any]:
    settings = benchmark.model_dump(
        mode=info.mode,
        by_alias=info.by_alias,
        exclude_none=info.exclude_none,
        exclude_defaults=info.exclude_defaults,
        exclude_unset=info.exclude_unset,
    )
    return place_of(benchmark) | settings


BenchmarkEntry = Annotated[Benchmark, BeforeValidator(_parsed), PlainSerializer(_written)]
"""A recipe's entry of ``evaluate``: parsed by its kind to the kind's class, and written back as it was."""
