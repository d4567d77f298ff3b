"""Parquet files and Arrow files (those of ``save_to_disk``, or Feather): records batch by batch.

What is damaged in a Parquet file is its row group's loss, and as many records as the file says are missing there; a
batch with a value that is none in Python, such as text that is not UTF-8, is read row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distilray.sources.files import SourceFile
from distilray.sources.formats.malformed import COPY_AGAIN, Found, Malformed, rest_of_file
from distilray.sources.formats.streams import WatchedFile, watched
from distilray.sources.parts import RowGroups

BATCH = 1024
_BAD = (pa.ArrowException, OSError, ValueError, OverflowError)
"""What pyarrow raises for bytes that are not what they should be; UnicodeDecodeError is a ValueError."""
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def read_parquet_file(place: str, file: SourceFile, part: RowGroups | None = None) -> Found:
    """The records of ``file``, or of some of its row groups."""
    with watched(place, file, seekable=True) as raw:
        try:
            parquet = pq.ParquetFile(pa.PythonFile(raw, "r"))
            groups = [parquet.metadata.row_group(k).num_rows for k in range(parquet.num_row_groups)]
        except _BAD as error:
            raw.check()
            why = f"it is cut short, or is not a Parquet file ({_first_line(error)})"
            yield 1, rest_of_file(why, f"{COPY_AGAIN}, or name its true `format`")
            return
        part = part or RowGroups(0, len(groups))
        position = part.first - 1
        for k, rows in list(enumerate(groups))[part.start : part.stop]:
            before = position
            try:
                for batch in parquet.iter_batches(BATCH, row_groups=[k], use_threads=False):
                    for record in _records(batch):
                        position += 1
                        yield position, record
                why = "fewer than the file says"
            except _BAD as error:
                raw.check()
                why = _first_line(error)
            if lost := before + rows - position:
                what = "this record" if lost == 1 else f"{lost:,} records from here on"
                yield position + 1, Malformed(f"unreadable; {what}: {why}", "", COPY_AGAIN, lost)
                position += lost


def read_arrow_file(place: str, file: SourceFile) -> Found:
    with watched(place, file, seekable=True) as raw:
        position = 0
        try:
            for batch in _batches(raw):
                for record in _records(batch):
                    position += 1
                    yield position, record
            whole = _has_end(raw, file.size)
            why = "it has no end mark, so it may be cut short"
        except _BAD as error:
            raw.check()
            whole, why = False, _first_line(error)
        if not whole:
            yield position + 1, rest_of_file(why, COPY_AGAIN)


def _batches(raw: WatchedFile) -> Iterator[pa.RecordBatch]:
    begins = raw.read(6)
    raw.seek(0)
    if begins == b"ARROW1":
        reader = pa.ipc.open_file(pa.PythonFile(raw, "r"))
        return (reader.get_batch(k) for k in range(reader.num_record_batches))
    return iter(pa.ipc.open_stream(pa.PythonFile(raw, "r")))


def _has_end(raw: WatchedFile, size: int) -> bool:
    """Whether a stream has its end mark (streams of before Arrow 0.15 and files of other kinds are told otherwise)."""
    raw.seek(0)
    if raw.read(4) != _END_OF_STREAM[:4]:
        return True
    raw.seek(max(size - 8, 0))
    return raw.read(8) == _END_OF_STREAM


def _records(batch: pa.RecordBatch) -> Iterator[Any]:
    textual = [field.name for field in batch.schema if pa.types.is_binary(field.type) or _is_large(field.type)]
    for record in _rows(batch):
        for name in textual if isinstance(record, dict) else ():
            record[name] = _as_text(record[name])
        yield record


def _is_large(kind: pa.DataType) -> bool:
    return pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _rows(batch: pa.RecordBatch) -> Iterator[Any]:
    whole = _or_none(batch.to_pylist)
    if whole is not None:
        yield from whole
        return
    for k in range(batch.num_rows):
        row = _or_none(batch.slice(k, 1).to_pylist)
        yield row[0] if row is not None else _malformed(batch, k)


def _malformed(batch: pa.RecordBatch, k: int) -> Malformed:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column[k].as_py()
        except _BAD as error:
            return Malformed(f"a value in the column {name!r} cannot be read; {_first_line(error)}", "", COPY_AGAIN)
    return Malformed("a value cannot be read", "", COPY_AGAIN)


def _or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except _BAD:
        return None


def _as_text(value: Any) -> Any:
    """Text that was written as bytes, as some writers do; other bytes stay, and are no text where text is needed."""
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].replace(";", ",")[:200]
