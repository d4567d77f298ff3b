"""Reads files as streams of records, in little memory.

Positions count from 1: lines in a JSONL file (blank ones included, though they are not records), else records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from distilray.imports import import_object
from distilray.sources.files import SourceFile, list_files
from distilray.sources.formats.columnar import read_arrow_file, read_parquet_file
from distilray.sources.formats.decoding import decoded
from distilray.sources.formats.documents import read_document
from distilray.sources.formats.lines import read_lines
from distilray.sources.formats.malformed import COPY_AGAIN, Found, Malformed, Unreadable, rest_of_file
from distilray.sources.formats.streams import place_of, text_chunks
from distilray.sources.formats.stretches import lines_of
from distilray.sources.parts import LineRange, Part
from distilray.sources.settings import Source, SourceError

Record = dict[str, Any]
Records = Iterator[tuple[int, Record | Malformed]]
BY_CONTENT = {b"PAR1": "parquet", b"ARROW1": "hf"}


def read_records(source: Source, file: SourceFile, part: Part | None = None) -> Records:
    """Position and record, for every record of ``file`` or of a ``part`` of it; :class:`Malformed` in place of an
    invalid one, or of all that cannot be read.

    Raises:
        SourceError: the file system fails, ``file`` holds several lists of records, or the source's function cannot be
            imported.
    """
    for position, record in _found(source, file) if part is None else _found_in(source, file, part):
        if not isinstance(record, dict | Malformed):
            record = Malformed("not an object with named fields")
        if isinstance(record, Malformed):
            record = replace(record, place=f"{file.name}:{position}")
        yield position, record


def read_file(path: str) -> Records:
    """The records of the file at ``path`` (a local path or a URI), in whatever format a source may have.

    Raises :class:`SourceError` if there is no such file, or nothing in it.
    """
    source = Source(name="file", path=path)
    try:
        for file in list_files(source):
            yield from read_records(source, file)
    except SourceError as error:
        raise SourceError(path, error.value, error.remedy) from error


def format_of(source: Source, file: SourceFile) -> str:
    """The format in which ``file`` is read: by its beginning, unless the source's settings name it."""
    if file.format in ("json", "jsonl") and source.format == "auto":
        return _by_content(place_of(source, file), file, file.format)
    return file.format


def _found(source: Source, file: SourceFile) -> Found:
    place, kind = place_of(source, file), file.format
    if kind == "function":
        return _function(source, file)
    if not file.size and not file.may_be_empty:
        return iter([(1, rest_of_file(f"it is empty, which no file of the format {kind} is", COPY_AGAIN))])
    match format_of(source, file):
        case "jsonl":
            return read_lines(text_chunks(place, file))
        case "json":
            return read_document(source, place, file)
        case "parquet":
            return read_parquet_file(place, file)
    return read_arrow_file(place, file)


def _found_in(source: Source, file: SourceFile, part: Part) -> Found:
    """What stands in a part of ``file`` (see :mod:`distilray.sources.splitting`)."""
    place = place_of(source, file)
    if isinstance(part, LineRange):
        return read_lines(lines_of(place, file, part), part.first)
    return read_parquet_file(place, file, part)


def _function(source: Source, file: SourceFile) -> Found:
    place = f"source {source.name!r}, uses {file.path}"
    try:
        records = iter(import_object(file.path)(**source.with_))
    except (ImportError, TypeError) as error:
        raise SourceError(
            place, str(error), "Name an importable function that takes the arguments in `with`"
        ) from error
    yield from enumerate(records, 1)


def _by_content(place: str, file: SourceFile, kind: str) -> str:
    """The format that a text file's beginning shows, whatever its ending says."""
    try:
        head = next(text_chunks(place, file), b"")
    except Unreadable:
        return kind
    for magic, other in BY_CONTENT.items():
        if head.startswith(magic):
            return other
    first, _, rest = head.lstrip().partition(b"\n")
    if kind == "jsonl":
        return "json" if first[:1] == b"[" or first.strip() == b"{" else "jsonl"
    record = decoded(first) if rest.strip() else None
    lines = isinstance(record, dict) and not isinstance(record.get("data"), list)
    return "jsonl" if lines else "json"
