"""Exporting rows as a data set: shards under ``data/``, each published whole.

exported = export(tables, "messages", "s3://bucket/my-data")
write_card("s3://bucket/my-data", dataset_card(exported, title="..."))
datasets.load_dataset("parquet", data_files="my-data/data/*.parquet")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from distilray.export.forms import EXPORT_FORMS, ExportForm, Unfit, render, schema_of
from distilray.rows import CORE, LABELS, TRAINING_MARKS, MalformedRecord
from distilray.storage import put, resolve

FileFormat = Literal["parquet", "jsonl"]

FLUSH = 4096  # rows per Parquet row group, and the most held as Python objects
SHARD_BYTES = 64 << 20


@dataclass(slots=True)
class Exported:
    """What an export wrote: its files (relative to its folder), rows, and where they came from.

    ``skipped`` counts the rows that are not in it, by reason; ``rows`` + its sum is the number of input rows.
    """

    form: ExportForm
    format: FileFormat
    files: list[str] = field(default_factory=list)
    rows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    weights: bool = False
    """Whether turns have weights."""


@dataclass(frozen=True, slots=True)
class Records:
    """How rows become the records of an export; see :func:`export` for what the fields mean."""

    form: ExportForm
    format: FileFormat = "parquet"
    system: str | None = None
    think: bool = False
    columns: tuple[str, ...] = ()
    weights: bool = False

    def of(self, rows: Iterable[pa.Table], exported: Exported) -> Iterator[tuple[pa.Schema, dict[str, Any]]]:
        """Each record and its row's schema; ``exported`` counts them, and rows without one."""
        build, _ = EXPORT_FORMS[self.form]
        read = (*_READ, *self.columns, *(("extra", *TRAINING_MARKS, *LABELS) if self.weights else ()))
        for table in rows:
            wanted = [name for name in dict.fromkeys(read) if name in table.schema.names]
            for row in table.select(wanted).to_pylist():
                try:
                    record = build(render(row, self.system, self.think, self.weights))
                except (Unfit, MalformedRecord) as why:
                    exported.skipped[str(why)] += 1
                    continue
                exported.rows += 1
                exported.sources[row["source"]] += 1
                exported.languages[row["language"]] += 1
                yield table.schema, {"id": row["id"], **{name: row[name] for name in self.columns}, **record}


def export(
    rows: Iterable[pa.Table],
    form: ExportForm,
    out: str,
    *,
    format: FileFormat = "parquet",
    system: str | None = None,
    think: bool = False,
    columns: Sequence[str] = (),
    weights: bool = False,
    shard_bytes: int = SHARD_BYTES,
    filesystem: fs.FileSystem | None = None,
) -> Exported:
    """Write ``rows`` (tables with the core columns) in ``form`` to ``out/data/train-00000.parquet`` and so on.

    The folder ``out/data`` belongs to the export: shards of an earlier one are overwritten or removed. A
    shard is held in memory until it has about ``shard_bytes``, then appears at once, so that no reader
    finds half of one.

    Args:
        rows: read once, in order; one table and one shard are in memory at a time.
        out: a folder, local or a URI, or a path on ``filesystem`` if that is given.
        system: the student's system prompt, for rows without one of their own.
        think: whether traces are included, as ``<think>`` blocks before the answers.
        columns: further columns of the rows to export, besides ``id`` (CogPO's ``beta``).
        weights: whether the assistant's turns have a ``weight``: 0 where their source has marked them as not to be
            trained on, or calls the answer bad, else 1.
    """
    records = Records(form, format, system, think, tuple(columns), weights)
    store, folder = _data_folder(out, filesystem)
    exported = Exported(form, format, weights=weights)
    shard: _Shard | None = None
    for schema, record in records.of(rows, exported):
        shard = shard or _Shard(format, _schema(form, columns, schema, weights))
        shard.add(record)
        if shard.bytes() >= shard_bytes:
            _publish(store, folder, exported, shard, len(exported.files))
            shard = None
    if shard or not exported.files:
        empty = _Shard(format, _schema(form, (), CORE, weights))
        _publish(store, folder, exported, shard or empty, len(exported.files))
    _remove_others(store, folder, exported)
    return exported


def export_shard(rows: Iterable[pa.Table], records: Records, out: str, number: int) -> Exported:
    """Writes ``rows`` as the one file ``number`` of an export to ``out``, whose other files others write; none if no
    row has a record. :func:`join_shards` ends the export."""
    exported = Exported(records.form, records.format, weights=records.weights)
    shard: _Shard | None = None
    for schema, record in records.of(rows, exported):
        shard = shard or _Shard(records.format, _schema(records.form, records.columns, schema, records.weights))
        shard.add(record)
    if shard:
        _publish(*_data_folder(out), exported, shard, number)
    return exported


def join_shards(shards: Iterable[Exported], records: Records, out: str) -> Exported:
    """What ``shards``, in the order of their numbers, are together; files of an earlier export are removed."""
    total = Exported(records.form, records.format, weights=records.weights)
    for shard in shards:
        total.files += shard.files
        total.rows += shard.rows
        for name in ("skipped", "sources", "languages"):
            getattr(total, name).update(getattr(shard, name))
    store, folder = _data_folder(out)
    if not total.files:
        empty = _Shard(records.format, _schema(records.form, (), CORE, records.weights))
        _publish(store, folder, total, empty, 0)
    _remove_others(store, folder, total)
    return total


def write_card(out: str, card: str, filesystem: fs.FileSystem | None = None) -> None:
    """Publish ``card`` as the data set's README."""
    store, path = (filesystem, out) if filesystem else resolve(out)
    put(store, f"{path.rstrip('/')}/README.md", card.encode())


def _data_folder(out: str, filesystem: fs.FileSystem | None = None) -> tuple[fs.FileSystem, str]:
    """Where the export's files go; the folder is there afterwards."""
    store, path = (filesystem, out) if filesystem else resolve(out)
    folder = f"{path.rstrip('/')}/data"
    store.create_dir(folder, recursive=True)
    return store, folder


_READ = ("id", "source", "language", "messages", "reasoning", "answer", "rejected_answer", "outcome")


def _schema(form: ExportForm, columns: Sequence[str], rows: pa.Schema, weights: bool) -> pa.Schema:
    own = [rows.field(name) for name in columns]
    return pa.schema([("id", pa.string()), *own, *schema_of(form, weights=weights)])


class _Shard:
    """One unfinished file, in memory."""

    def __init__(self, format: FileFormat, schema: pa.Schema) -> None:
        self.schema = schema
        self.records: list[dict[str, Any]] = []
        self.sink = pa.BufferOutputStream()
        self.parquet = pq.ParquetWriter(self.sink, schema, compression="zstd") if format == "parquet" else None

    def add(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        if len(self.records) >= FLUSH:
            self._flush()

    def bytes(self) -> int:
        return self.sink.tell()

    def finish(self) -> pa.Buffer:
        self._flush()
        if self.parquet:
            self.parquet.close()
        return self.sink.getvalue()

    def _flush(self) -> None:
        if self.parquet:
            self.parquet.write_table(pa.Table.from_pylist(self.records, self.schema))
        else:
            self.sink.write(msgspec.json.Encoder().encode_lines(self.records))
        self.records = []


def _publish(store: fs.FileSystem, folder: str, exported: Exported, shard: _Shard, number: int) -> None:
    name = f"train-{number:05d}.{exported.format}"
    put(store, f"{folder}/{name}", shard.finish())
    exported.files.append(f"data/{name}")


def _remove_others(store: fs.FileSystem, folder: str, exported: Exported) -> None:
    for info in store.get_file_info(fs.FileSelector(folder)):
        if info.base_name.startswith("train-") and f"data/{info.base_name}" not in exported.files:
            store.delete_file(info.path)
