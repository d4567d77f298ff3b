"""Stored tables: one Parquet file each, published whole, with an entry in its footer that records its origin.

    write_parquet(store, "tokens/unit-000000.parquet", table, KEY, {"key": "9f3c", "counts": {"kept": 120}})
    read_parquet_footer(store, "tokens/unit-000000.parquet", KEY).entry      # {"key": "9f3c", "counts": {"kept": 120}}

The entry is JSON, so that its reader can decode it into a type of its own; reading it reads no rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from distilray.storage.store import Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Footer:
    """The contents of a Parquet file's footer."""

    raw: bytes
    """The entry, as JSON."""
    rows: int
    """Rows in the file."""

    @property
    def entry(self) -> Any:
        return msgspec.json.decode(self.raw)

    def as_type(self, kind: type[T]) -> T:
        """The entry, decoded into a msgspec struct or any other type that msgspec knows."""
        return msgspec.json.decode(self.raw, type=kind)


def write_parquet(store: Store, path: str, table: pa.Table, key: str, entry: Any) -> None:
    """Publishes ``table`` at ``path``, whole or not at all, with ``entry`` under ``key`` in its footer."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({key: msgspec.json.encode(entry).decode()})
    store.write(path, sink.getvalue())


def read_parquet(store: Store, path: str, columns: Collection[str] | None = None) -> pa.Table:
    """The rows of the file at ``path``, in order; of ``columns`` (None: all) those that it has, in the file's order."""

    def read() -> pa.Table:
        with store.open_input(path) as source, pq.ParquetFile(source) as file:
            names = file.schema_arrow.names
            chosen = None if columns is None else [name for name in names if name in columns]
            return file.read(columns=chosen, use_threads=False)  # many units are read concurrently

    return store.tried(path, read)


def read_parquet_footer(store: Store, path: str, key: str) -> Footer:
    """The footer of the file at ``path``; :class:`FileNotFoundError` where there is none, :class:`KeyError` where it
    has no entry under ``key``."""

    def read() -> pq.FileMetaData:
        with store.open_input(path) as file:
            return pq.read_metadata(file)

    metadata = store.tried(path, read)
    return Footer(metadata.metadata[key.encode()], metadata.num_rows)
