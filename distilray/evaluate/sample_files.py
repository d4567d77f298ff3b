"""Files with every answer of an evaluation and its score, one row each, and the results that they add up to inside.

{"benchmark": "gsm8k", "model": "student_after", "question": "gsm8k/test:17", "sample": 0, "cluster": "", "subset": "",
 "input": "Tom has ...", "target": "861", "response": "... answer: 861", "extracted": "861", "metric": "exact_match",
 "highest": 1.0, "score": 1.0, "scores": {"exact_match": 1.0}, "weights": {"exact_match": 1.0}, "parsed": true,
 "truncated": false, "output_tokens": 46, "reason": "861 equals 861", "detail": "{}", "place": ""}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from distilray.evaluate.results import Result
from distilray.ledger import UnitInput, kept_rows, unit_columns
from distilray.storage import Store

FOOTER = "distilray.evaluation"
"""Key of the results in the files' footers, as JSON."""
FIELDS = {
    "benchmark": pa.string(),
    "model": pa.string(),
    "question": pa.string(),
    "sample": pa.int64(),
    "cluster": pa.string(),
    "subset": pa.string(),
    "input": pa.string(),
    "target": pa.string(),
    "response": pa.string(),
    "extracted": pa.string(),
    "metric": pa.string(),
    "highest": pa.float64(),
    "score": pa.float64(),
    "scores": None,
    "weights": None,
    "parsed": pa.bool_(),
    "truncated": pa.bool_(),
    "output_tokens": pa.int64(),
    "reason": pa.string(),
    "detail": pa.string(),
    "place": pa.string(),
}
"""Columns and their types; ``scores`` and ``weights`` have a field for each metric. A weight is how many observations
stand behind a score: the metric is the sum of scores over the sum of weights."""
ROW_COLUMNS = (
    "id", "messages", "reference", "answer", "answers", "correct", "correct_share", "tokens", "finish", "reasons",
    "readable", "verdict", "cluster", "subset", "phrasings",
)  # fmt: skip
"""Columns of an evaluation's rows that samples are made of; a step need not write all."""


def sample_schema(metrics: Iterable[str]) -> pa.Schema:
    """The schema of a file whose samples have scores for ``metrics``."""
    numbers = pa.struct([(name, pa.float64()) for name in metrics])
    return pa.schema([(name, kind or numbers) for name, kind in FIELDS.items()])


def parquet(tables: Iterable[pa.Table], schema: pa.Schema, results: Sequence[Result]) -> pa.Buffer:
    """A Parquet file of ``tables``, one after another, with ``results`` in its footer."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
        writer.add_key_value_metadata({FOOTER: msgspec.json.encode(results).decode()})
    return sink.getvalue()


def write_run_samples(store: Store, path: str, units: Sequence[UnitInput], result: Result) -> None:
    """Publishes at ``path`` the samples of ``result``, whose answered rows are in ``units``, read one after another."""
    schema = sample_schema([result.metric])
    tables = (pa.Table.from_pylist(list(_of_unit(store, unit, result)), schema=schema) for unit in units)
    store.write(path, parquet(tables, schema, [result]))


def _of_unit(store: Store, unit: UnitInput, result: Result) -> Iterator[dict[str, Any]]:
    there = unit_columns(store, unit)
    for row in kept_rows(store, unit, [name for name in ROW_COLUMNS if name in there]).to_pylist():
        yield from row_samples(row, result)


def row_samples(row: Mapping[str, Any], result: Result) -> Iterator[dict[str, Any]]:
    """One record for each answer in an evaluation's row; a step that keeps no list of them has one."""
    answers = row.get("answers") or [row.get("answer") or ""]
    correct = row.get("correct") or [row["correct_share"]] * len(answers)
    asked = next((turn["content"] for turn in reversed(row["messages"] or []) if turn["role"] == "user"), "")
    for place, answer in enumerate(answers):
        score = None if correct[place] is None else float(correct[place])
        finish = _at(row, "finish", place)
        yield {
            "benchmark": result.benchmark,
            "model": result.model,
            "question": row["id"],
            "sample": place,
            "cluster": row.get("cluster") or "",
            "subset": row.get("subset") or "",
            "input": asked,
            "target": row["reference"],
            "response": answer,
            "extracted": "",
            "metric": result.metric,
            "highest": result.highest,
            "score": score,
            "scores": {result.metric: score},
            "weights": {result.metric: 1.0},
            "parsed": _at(row, "readable", place),
            "truncated": None if finish is None else finish == "length",
            "output_tokens": _at(row, "tokens", place),
            "reason": _at(row, "reasons", place) or row.get("verdict") or "",
            "detail": "{}",
            "place": "",
        }


def _at(row: Mapping[str, Any], column: str, place: int) -> Any:
    """The value of a list column at ``place``; None where the step does not write it."""
    values = row.get(column)
    return values[place] if values and place < len(values) else None
