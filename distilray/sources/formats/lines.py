"""JSON lines: every line that is not blank is a record, and its number the record's position."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from distilray.sources.files import SourceFile
from distilray.sources.formats.decoding import FIX_JSON, decoded
from distilray.sources.formats.malformed import Found, Malformed, Unreadable
from distilray.sources.formats.streams import text_chunks

MOST_BYTES = 256 << 20
"""Longest record: one more is held in memory, not the file."""
TOO_LONG = Malformed(f"a record of more than {MOST_BYTES >> 20} MiB; its end may be missing", "", FIX_JSON)


def read_lines(place: str, file: SourceFile) -> Found:
    number = 0
    try:
        for number, line in enumerate(_lines(text_chunks(place, file)), 1):
            if line is None:
                yield number, TOO_LONG
            elif line := line.removeprefix(codecs.BOM_UTF8).strip():  # a mark where one file was appended to another
                yield number, decoded(line)
    except Unreadable as error:
        yield number + 1, error.rest()


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    """Lines without their ends; None for one that is too long."""
    parts: list[bytes] = []
    held = 0
    for chunk in chunks:
        for k, piece in enumerate(chunk.split(b"\n")):
            if k:
                yield b"".join(parts) if held <= MOST_BYTES else None
                parts, held = [], 0
            held += len(piece)
            if held <= MOST_BYTES:
                parts.append(piece)
            else:
                parts.clear()
    yield b"".join(parts) if held <= MOST_BYTES else None
