"""Reads files as streams of records, in little memory.

Positions count from 1: lines in a JSONL file (blank ones included, though they are not records), else records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import ijson
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from distilray.imports import import_object
from distilray.sources.files import SourceFile
from distilray.sources.settings import Source, SourceError

CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be used: why (countable up to the first semicolon), and where (``file:position``)."""

    why: str
    place: str


Record = dict[str, Any]
Records = Iterator[tuple[int, Record | Malformed]]


def read_records(source: Source, file: SourceFile) -> Records:
    """Position and record, for every record of ``file``; :class:`Malformed` in place of an invalid one.

    Raises:
        SourceError: ``file`` as a whole is not of its format, or the source's function cannot be imported.
    """
    kind = file.format
    if kind == "json" and source.format == "auto" and _is_lines(file):
        kind = "jsonl"
    for position, record in _READERS[kind](source, file):
        if not isinstance(record, dict | Malformed):
            record = Malformed("not an object with named fields", f"{file.name}:{position}")
        yield position, record


def _jsonl(source: Source, file: SourceFile) -> Records:
    decode = msgspec.json.Decoder().decode
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            yield number, decode(line)
        except UnicodeDecodeError as error:
            yield number, Malformed(f"not UTF-8; {error.reason}", f"{file.name}:{number}")
        except msgspec.DecodeError as error:
            yield number, Malformed(f"not JSON; {error}", f"{file.name}:{number}")


def _json(source: Source, file: SourceFile) -> Records:
    """An array of records, or the array under ``data``. Nothing after a mistake in it can be read."""
    assert file.filesystem is not None
    prefix = "item" if _first_bytes(file).lstrip().startswith(b"[") else "data.item"
    position = 0
    with file.filesystem.open_input_stream(file.path) as stream:
        try:
            for position, record in enumerate(ijson.items(stream, prefix), 1):
                yield position, record
        except ijson.JSONError as error:
            # yajl's message ends with the text around the mistake, and may be bytes when that text is
            # not UTF-8
            text = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
            why = f"not JSON from here to the end of the file; {text.splitlines()[0]}"
            yield position + 1, Malformed(why, f"{file.name}:{position + 1}")


def _parquet(source: Source, file: SourceFile) -> Records:
    assert file.filesystem is not None
    with file.filesystem.open_input_file(file.path) as opened:
        try:
            parquet = pq.ParquetFile(opened)
        except pa.ArrowInvalid as error:
            place = f"source {source.name!r}, file {file.name}"
            raise SourceError(
                place, f"is not a Parquet file ({error})", "Name its true `format`, or leave it out"
            ) from error
        yield from _numbered(parquet.iter_batches(batch_size=1024, use_threads=False), file)


def _arrow(source: Source, file: SourceFile) -> Records:
    assert file.filesystem is not None
    with file.filesystem.open_input_stream(file.path) as opened:
        try:
            stream = pa.ipc.open_stream(opened)
        except pa.ArrowInvalid as error:
            place = f"source {source.name!r}, file {file.name}"
            raise SourceError(
                place, f"is not an Arrow stream ({error})", "Write the dataset with save_to_disk"
            ) from error
        yield from _numbered(stream, file)


def _numbered(batches: Iterator[pa.RecordBatch], file: SourceFile) -> Records:
    position = 0
    try:
        for batch in batches:
            for record in batch.to_pylist():
                position += 1
                yield position, record
    except (pa.ArrowException, OSError) as error:
        why = f"unreadable from here to the end of the file; {error}"
        yield position + 1, Malformed(why, f"{file.name}:{position + 1}")


def _function(source: Source, file: SourceFile) -> Records:
    place = f"source {source.name!r}, uses {file.path}"
    try:
        records = iter(import_object(file.path)(**source.with_))
    except (ImportError, TypeError) as error:
        raise SourceError(
            place, str(error), "Name an importable function that takes the arguments in `with`"
        ) from error
    yield from enumerate(records, 1)


_READERS: dict[str, Callable[[Source, SourceFile], Records]] = {
    "jsonl": _jsonl,
    "json": _json,
    "parquet": _parquet,
    "hf": _arrow,
    "function": _function,
}


def _lines(file: SourceFile) -> Iterator[bytes]:
    assert file.filesystem is not None
    rest = b""
    with file.filesystem.open_input_stream(file.path) as stream:
        for chunk in chain([stream.read(CHUNK).removeprefix(b"\xef\xbb\xbf")], iter(lambda: stream.read(CHUNK), b"")):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
    yield rest


def _first_bytes(file: SourceFile) -> bytes:
    assert file.filesystem is not None
    with file.filesystem.open_input_stream(file.path) as stream:
        return stream.read(CHUNK)


def _is_lines(file: SourceFile) -> bool:
    """Whether a ``.json`` file actually holds JSONL: its first line is an object, and not one with ``data``."""
    first = _first_bytes(file).removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    try:
        record = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(record, dict) and not isinstance(record.get("data"), list)
