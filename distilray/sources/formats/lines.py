"""JSON lines: every line that is not blank is a record, and its number the record's position."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from distilray.sources.formats.decoding import FIX_JSON, decoded
from distilray.sources.formats.malformed import COPY_AGAIN, Found, Malformed, Unreadable, rest_of_file
from distilray.sources.formats.scanner import MOST_BYTES, Broken, Cut, Scanner

TOO_LONG = Malformed(f"a record of more than {MOST_BYTES >> 20} MiB; its end may be missing", "", FIX_JSON)


def read_lines(chunks: Iterator[bytes], first: int = 1) -> Found:
    """The records of the text in ``chunks``, whose first line is the file's line ``first``."""
    number = first - 1
    try:
        for number, (line, whole) in enumerate(_lines(chunks), first):
            if line is None:
                yield number, TOO_LONG
            elif line := line.removeprefix(codecs.BOM_UTF8).strip():  # a mark where one file was appended to another
                record = decoded(line)
                if not whole and isinstance(record, Malformed) and _is_cut(line):
                    record = rest_of_file("it is cut short within its last line", COPY_AGAIN)
                yield number, record
    except Unreadable as error:
        yield number + 1, error.rest()


def _lines(chunks: Iterator[bytes]) -> Iterator[tuple[bytes | None, bool]]:
    """Lines without their ends, None for one that is too long; and whether it had an end."""
    parts: list[bytes] = []
    held = 0
    for chunk in chunks:
        for k, piece in enumerate(chunk.split(b"\n")):
            if k:
                yield (b"".join(parts) if held <= MOST_BYTES else None), True
                parts, held = [], 0
            held += len(piece)
            if held <= MOST_BYTES:
                parts.append(piece)
            else:
                parts.clear()
    yield (b"".join(parts) if held <= MOST_BYTES else None), False


def _is_cut(line: bytes) -> bool:
    try:
        Scanner([line]).value()
    except Cut:
        return True
    except Broken:
        pass
    return False
