"""Stored scores of a training's tokens by a teacher: one Parquet file for each token file.

    training/distill/tokens/unit-000003.parquet            id, input_ids, labels
    training/distill/scores/teacher/unit-000003.parquet    id, positions, ids, log_probs, rest

A row for each kept row of the token file: ``positions`` are those of its trained tokens, ``ids`` and ``log_probs`` hold
``top_k`` entries for each of them one after another, ``rest`` one.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from distilray.models import Scores
from distilray.storage import Store, read_parquet, read_parquet_footer, write_parquet
from distilray.train.settings import IGNORED

SCORES = pa.schema(
    [
        ("id", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("positions", pa.list_(pa.int32())),
        ("ids", pa.list_(pa.int32())),
        ("log_probs", pa.list_(pa.float16())),
        ("rest", pa.list_(pa.float32())),
    ]
)
KEY = "distilray.scores"


class ScoreCounts(msgspec.Struct, kw_only=True):
    """Counts of one unit; ``missing`` names some of the rows that the teacher could not score."""

    kept: int = 0
    failed: int = 0
    tokens: int = 0
    missing: list[str] = []


@dataclass(frozen=True, slots=True)
class RowScores:
    """Of one row: ``positions`` and ``rest`` of shape ``(n,)``, ``ids`` and ``log_probs`` of shape ``(n, top_k)``."""

    positions: np.ndarray
    ids: np.ndarray
    log_probs: np.ndarray
    rest: np.ndarray


def scores_path(tokens: str, teacher: str) -> str:
    """Path of the scores of the token file at ``tokens``."""
    folder, name = os.path.split(tokens)
    return f"{os.path.dirname(folder)}/scores/{teacher}/{name}"


def trained_positions(labels: list[int]) -> tuple[int, ...]:
    """Positions that a loss uses: not the first, which has nothing before it."""
    return tuple(place for place, label in enumerate(labels) if place and label != IGNORED)


def token_rows(store: Store, path: str) -> list[dict[str, Any]]:
    """``id``, ``input_ids`` and ``labels`` of the kept rows of a token file."""
    table = read_parquet(store, path, {"id", "outcome", "input_ids", "labels"})
    return table.filter(pc.equal(table["outcome"], "kept")).drop_columns(["outcome"]).to_pylist()


def scored_row(row_id: str, positions: tuple[int, ...], scores: Scores) -> dict[str, Any]:
    ids, log_probs, rest = scores.arrays()
    return {
        "id": row_id,
        "outcome": "kept",
        "reason": None,
        "positions": positions,
        "ids": ids.reshape(-1),
        "log_probs": log_probs.reshape(-1),
        "rest": rest,
    }


def failed_row(row_id: str, why: str) -> dict[str, Any]:
    return {name: None for name in SCORES.names} | {"id": row_id, "outcome": "failed", "reason": why}


def write_scores(store: Store, path: str, rows: list[dict[str, Any]], key: str, counts: ScoreCounts) -> None:
    """Publishes a unit's scores, whole or not at all."""
    table = pa.Table.from_pydict({name: [row[name] for row in rows] for name in SCORES.names}, SCORES)
    write_parquet(store, path, table, KEY, {"key": key, "counts": counts})


def counts_of(store: Store, path: str, key: str) -> ScoreCounts | None:
    """The counts of the unit at ``path``, if it exists and was made in the same way (same ``key``)."""
    try:
        found = read_parquet_footer(store, path, KEY).entry
    except FileNotFoundError:
        return None
    return msgspec.convert(found["counts"], ScoreCounts) if found["key"] == key else None


def read_scores(store: Store, path: str) -> dict[str, RowScores]:
    """The scores of a unit's rows, by id."""
    table = read_parquet(store, path)
    table = table.filter(pc.equal(table["outcome"], "kept")).combine_chunks()
    columns = {name: _slices(table[name].combine_chunks()) for name in ("positions", "ids", "log_probs", "rest")}
    rows = {}
    for place, row_id in enumerate(table["id"].to_pylist()):
        positions = columns["positions"][place]
        shape = (len(positions), -1)
        rows[row_id] = RowScores(
            positions,
            columns["ids"][place].reshape(shape),
            columns["log_probs"][place].reshape(shape),
            columns["rest"][place],
        )
    return rows


def _slices(lists: Any) -> list[np.ndarray]:
    """The values of a list column, an array per row, without a Python object for each number."""
    values, offsets = lists.values.to_numpy(zero_copy_only=False), lists.offsets.to_numpy()
    return [values[start:end] for start, end in itertools.pairwise(offsets)]
