"""The published benchmarks by their names."""

from __future__ import annotations

import difflib
import re

from distilray.errors import InputError
from distilray.evaluate.benchmarks.aime_2024 import Aime2024
from distilray.evaluate.benchmarks.alpaca_eval import AlpacaEval
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
