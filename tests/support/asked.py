"""Published benchmarks on the small data sets of our own, as a run asks them; replies are an oracle's or a foil's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import msgspec

from distilray.evaluate import Published, published_benchmark
from distilray.evaluate.asking.questions import QUESTION
from distilray.evaluate.asking.step import SCORED
from distilray.evaluate.benchmarks.gpqa_diamond import GpqaDiamond
from distilray.evaluate.benchmarks.published import Question, Scored
from distilray.rows import Row
from distilray.sources import list_files, rows_of
from distilray.steps import Step
from tests.support.planted import go
from tests.support.published_data import ASKED, SAMPLES, put, texts_of

FOIL = "No, NO"
"""Wrong everywhere; two words with a comma and capitals, which follows none of the instructions."""


def published(name: str, folder: Path, **settings: Any) -> Published:
    """The benchmark, its small data set below ``folder``."""
    data = put(folder / "data", {f"{name}/{path}": content for path, content in ASKED[name]().items()})
    judge = {"judge": "judge", "judge_cache": False} if published_benchmark(name).judged else {}
    return Published.model_validate({"published": name, "data_dir": data, **judge, **settings})


def rows(benchmark: Published) -> list[Row]:
    """Its questions as a run reads them."""
    source = benchmark.questions()
    [file] = list_files(source)
    return [Row(values) for values in rows_of(source, file)]


def oracle(name: str, questions: Sequence[Row]) -> list[str]:
    """A right reply to each question of a benchmark that no judge scores."""
    if name != "gpqa_diamond":
        return texts_of(SAMPLES[name]().right)[: len(questions)]
    asked = [msgspec.json.decode(row[QUESTION], type=Question) for row in questions]
    places = [list(GpqaDiamond().offered(one)).index(one.record["options"][0]) for one in asked]
    return [f"Answer: {ascii_uppercase[place]}" for place in places]


def scores(tmp_path: Path, step: Step, row: Row, **scripts: Any) -> list[Scored]:
    """The scores that ``step`` keeps of ``row``."""
    outcome, engine = go(tmp_path, step, row, **scripts)
    assert outcome.kind == "kept", outcome.reason
    assert engine.unsaid() == {}
    return [msgspec.json.decode(one, type=Scored) for one in outcome.columns[SCORED]]
