"""Every response with its score, one record each, for whoever wants to look: JSON lines, or Parquet by the ending."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from distilray.errors import InputError
from distilray.evaluate.benchmarks.registry import PUBLISHED
from distilray.evaluate.recorded.summaries import Evaluation
from distilray.evaluate.results import Result
from distilray.evaluate.sample_files import parquet, sample_schema


def sample_records(evaluations: Sequence[Evaluation], results: Sequence[Result] = ()) -> Iterator[dict[str, Any]]:
    """One record for each response; where ``results`` are given, under the names that they have for the benchmark."""
    for place, evaluation in enumerate(evaluations):
        metric = next(iter(evaluation.metrics))
        counts: Counter[str] = Counter()
        for one in evaluation.scored:
            question = one.question
            yield {
                "benchmark": results[place].benchmark if results else evaluation.benchmark,
                "model": evaluation.model,
                "question": question.id,
                "sample": counts[question.id],
                "cluster": question.cluster,
                "subset": question.subset,
                "input": question.text or next(iter(one.response.prompts), ""),
                "target": str(next((question.record[name] for name in TARGETS if name in question.record), "")),
                "response": one.response.text,
                "extracted": one.score.extracted,
                "metric": metric,
                "highest": PUBLISHED[evaluation.benchmark].highest,
                "score": one.score.values.get(metric),
                "scores": one.score.values,
                "weights": {name: one.score.weights.get(name, 1.0) for name in one.score.values},
                "parsed": one.score.parsed,
                "truncated": one.truncated,
                "output_tokens": one.response.output_tokens,
                "reason": one.score.reason,
                "detail": json.dumps(one.score.detail, ensure_ascii=False),
                "place": one.response.place,
            }
            counts[question.id] += 1


TARGETS = ("answer", "Answer", "reference", "canonical_solution", "Correct Answer", "test_list")
"""Where the data sets of benchmarks keep what a response is compared with."""


def samples_file(evaluations: Sequence[Evaluation], results: Sequence[Result]) -> pa.Buffer:
    """A Parquet file of all responses, with ``results`` in its footer."""
    records = list(sample_records(evaluations, results))
    names = [name for record in records for name in (record["metric"], *record["scores"])]
    schema = sample_schema(dict.fromkeys(names))
    return parquet([pa.Table.from_pylist(records, schema=schema)], schema, results)


def write_samples(evaluations: Sequence[Evaluation], path: str, results: Sequence[Result] = ()) -> None:
    """Writes the records to ``path``: Parquet where it ends in ``.parquet``, else JSON lines."""
    target = Path(path)
    try:
        if target.suffix == ".parquet":
            target.write_bytes(samples_file(evaluations, results))
        else:
            with target.open("w", encoding="utf-8") as stream:
                for record in sample_records(evaluations):
                    stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    except OSError as error:
        raise InputError(
            f"--samples {path}: cannot be written ({error})\n  name a file in a folder that exists"
        ) from error
