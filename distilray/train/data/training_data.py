"""Token Parquet as a worker reads it: one Arrow file on the node's own disk, memory-mapped by every worker there.

It has ``id``, ``length`` and the columns of the training method.

The first worker of a node writes the file from the store, the others wait for it; so tokens take disk space, not
memory, and are fetched once per node. With packing, rows are packed here (best-fit decreasing, whole rows, TRL's own
packer).
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from distilray.storage import Store, read_parquet

TRAIN, HELD_OUT, NUMBERED, PACKED = "train.arrow", "held-out.arrow", "numbered.arrow", "packed.arrow"
PACKED_ROWS = "packed_rows"
"""Column with, for every packed token, the number of its row in the file of unpacked ones."""

Join = Callable[[str, pa.Table], pa.Table]
"""From the path of a token file and its kept rows to the rows joined with columns of other files."""


def unjoined(path: str, rows: pa.Table) -> pa.Table:
    """Joins nothing."""
    return rows


@dataclass(frozen=True)
class TrainingData:
    """Datasets with the columns that trainers take; ``lengths`` are the tokens of every row of ``train``."""

    folder: str
    train: Any
    held_out: Any | None
    lengths: np.ndarray

    def ids(self, index: int) -> list[str]:
        """Ids of the rows in row ``index`` of ``train``: one, or those that were packed into it."""
        if PACKED_ROWS not in self.train.column_names:
            return [self.train[index]["id"]]
        numbers = dict.fromkeys(self.train[index][PACKED_ROWS])
        rows = _open(self.folder, TRAIN)
        return [rows[number]["id"] for number in numbers]


def write_feed(
    store: Store, paths: Sequence[str], folder: str, *, holdout: float, pack_to: int | None, join: Join = unjoined
) -> None:
    """Writes the kept rows of the token files at ``paths``, as ``join`` returns them, into the local ``folder``.

    ``holdout`` is the share of rows, chosen by a hash of their ids, that is not trained on; ``pack_to`` packs rows
    into sequences of at most this many tokens, all list columns alike.
    """
    os.makedirs(folder, exist_ok=True)
    read = (join(path, kept_tokens(store, path)) for path in paths)
    first = next(read)
    schema = first.schema
    with (
        pa.ipc.new_stream(os.path.join(folder, TRAIN), schema) as train,
        pa.ipc.new_stream(os.path.join(folder, HELD_OUT), schema) as apart,
    ):
        for table in itertools.chain([first], read):
            held = pa.array([held_out(i, holdout) for i in table["id"].to_pylist()], pa.bool_())
            train.write_table(table.filter(pc.invert(held)))
            apart.write_table(table.filter(held))
    if pack_to:
        from trl import pack_dataset

        rows = _open(folder, TRAIN)
        lists = [field.name for field in schema if pa.types.is_list(field.type)]
        numbered = rows.select_columns(lists).map(
            lambda some, at: {PACKED_ROWS: [[k] * len(row) for k, row in zip(at, some[lists[0]], strict=True)]},
            with_indices=True,
            batched=True,
            cache_file_name=os.path.join(folder, NUMBERED),
        )
        pack_dataset(numbered, pack_to, "bfd", {"cache_file_name": os.path.join(folder, PACKED)})


def open_feed(folder: str, *, packed: bool) -> TrainingData:
    """The feed that :func:`write_feed` wrote to ``folder``, memory-mapped."""
    rows = _open(folder, PACKED if packed else TRAIN)
    apart = _open(folder, HELD_OUT)
    if packed:
        lengths = np.fromiter((sum(row) for row in rows["seq_lengths"]), np.int64, len(rows))
    else:
        lengths = rows.data.column("length").to_numpy().astype(np.int64)
    return TrainingData(folder, rows, apart if len(apart) else None, lengths)


def _open(folder: str, name: str):
    from datasets import Dataset

    return Dataset.from_file(os.path.join(folder, name))


def kept_tokens(store: Store, path: str) -> pa.Table:
    """The kept rows of a token file."""
    table = read_parquet(store, path)
    return table.filter(pc.equal(table["outcome"], "kept")).drop_columns(["outcome", "reason"])


def held_out(row_id: str, share: float) -> bool:
    """Whether the row is in the held-out ``share``, by its id alone."""
    return int.from_bytes(hashlib.blake2b(row_id.encode(), digest_size=8).digest(), "big") / 2**64 < share
