"""Token Parquet as a worker reads it: one Arrow file on the node's own disk, memory-mapped by every worker there.

It has ``id``, ``length`` and the columns of the kind of training.

The first worker of a node writes the file from the store, the others wait for it; so tokens take disk, not memory,
and are fetched once a node. With packing, rows are packed here (best-fit decreasing, whole rows, TRL's own packer).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from distilray.ledger import Store

TRAIN, HELD_OUT, PACKED = "train.arrow", "held-out.arrow", "packed.arrow"


@dataclass(frozen=True)
class Feed:
    """Datasets with the columns that TRL trains on; ``lengths`` are the tokens of every row of ``train``."""

    train: object
    held_out: object | None
    lengths: np.ndarray


def write_feed(store: Store, paths: Sequence[str], folder: str, *, holdout: float, pack_to: int | None) -> None:
    """Writes the kept rows of the token files at ``paths`` into ``folder`` on the local disk.

    ``holdout`` is the share of rows, chosen by a hash of their ids, that is not trained on; ``pack_to`` packs rows
    into sequences of at most so many tokens.
    """
    os.makedirs(folder, exist_ok=True)
    tables = [_read(store, path) for path in paths[:1]]  # the schema is that of the first file
    schema = tables[0].schema
    with (
        pa.ipc.new_stream(os.path.join(folder, TRAIN), schema) as train,
        pa.ipc.new_stream(os.path.join(folder, HELD_OUT), schema) as held_out,
    ):
        for path in paths:
            table = _read(store, path)
            held = pa.array([_share(i) < holdout for i in table["id"].to_pylist()], pa.bool_())
            train.write_table(table.filter(pc.invert(held)))
            held_out.write_table(table.filter(held))
    if pack_to:
        from trl import pack_dataset

        rows = _open(folder, TRAIN)
        lists = [field.name for field in schema if pa.types.is_list(field.type)]
        pack_dataset(rows.select_columns(lists), pack_to, "bfd", {"cache_file_name": os.path.join(folder, PACKED)})


def open_feed(folder: str, *, packed: bool) -> Feed:
    """The feed that :func:`write_feed` wrote into ``folder``, memory-mapped."""
    rows = _open(folder, PACKED if packed else TRAIN)
    held_out = _open(folder, HELD_OUT)
    if packed:
        lengths = np.fromiter((sum(row) for row in rows["seq_lengths"]), np.int64, len(rows))
    else:
        lengths = rows.data.column("length").to_numpy().astype(np.int64)
    return Feed(rows, held_out if len(held_out) else None, lengths)


def _open(folder: str, name: str):
    from datasets import Dataset

    return Dataset.from_file(os.path.join(folder, name))


def _read(store: Store, path: str) -> pa.Table:
    with store.open_input(path) as source, pq.ParquetFile(source) as file:
        table = file.read()
    return table.filter(pc.equal(table["outcome"], "kept")).drop_columns(["outcome", "reason"])


def _share(row_id: str) -> float:
    """A number in [0, 1) that depends on the id alone."""
    return int.from_bytes(hashlib.blake2b(row_id.encode(), digest_size=8).digest(), "big") / 2**64


def row_ids(rows: object, indices: Iterable[int]) -> list[str]:
    """Ids of rows of an unpacked feed, to name those that made a loss explode."""
    return [rows[int(i)]["id"] for i in indices]  # type: ignore[index]
