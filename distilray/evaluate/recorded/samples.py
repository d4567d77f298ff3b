"""Every response with its score, one record each, for whoever wants to look: JSON lines, or Parquet by the ending."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from distilray.errors import InputError
from distilray.evaluate.recorded.summaries import Evaluation


def sample_records(evaluations: Sequence[Evaluation]) -> Iterator[dict[str, Any]]:
    """One record for each response."""
    for evaluation in evaluations:
        for one in evaluation.scored:
            yield {
                "benchmark": evaluation.benchmark,
                "model": evaluation.model,
                "question": one.question.id,
                "subset": one.question.subset,
                "place": one.response.place,
                "scores": one.score.values,
                "extracted": one.score.extracted,
                "parsed": one.score.parsed,
                "truncated": one.truncated,
                "reason": one.score.reason,
                "detail": json.dumps(one.score.detail, ensure_ascii=False),
                "output_tokens": one.response.output_tokens,
                "response": one.response.text,
            }


def write_samples(evaluations: Sequence[Evaluation], path: str) -> None:
    """Writes the records to ``path``: Parquet where it ends in ``.parquet``, else JSON lines."""
    target = Path(path)
    try:
        if target.suffix == ".parquet":
            _write_parquet(list(sample_records(evaluations)), target)
        else:
            with target.open("w", encoding="utf-8") as stream:
                for record in sample_records(evaluations):
                    stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    except OSError as error:
        raise InputError(
            f"--samples {path}: cannot be written ({error})\n  name a file in a folder that exists"
        ) from error


def _write_parquet(records: list[dict[str, Any]], target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(records), target, compression="zstd")
