"""Parts of a large file, each read on its own. It knows the position of its first record: ids are those of the whole.

LineRange(start=16777216, stop=33554432, length=16777216, at_line_start=False, first=16221)
RowGroups(start=4, stop=8, first=400001, size=71002331)
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class LineRange(msgspec.Struct, frozen=True, tag="lines"):
    """The lines that begin between two places of a JSONL file; the last one may end behind the range."""

    start: int
    """Byte of the file at which the range begins; with a codec, at which a member of compressed data does."""
    stop: int
    codec: str = ""
    length: int = 0
    """Bytes of text between ``start`` and ``stop``, decompressed."""
    at_line_start: bool = True
    """Whether the text at ``start`` begins a line."""
    first: int = 1
    """Position of the first line that begins in the range."""

    @property
    def size(self) -> int:
        """Bytes of the file, to share out work by."""
        return self.stop - self.start


class RowGroups(msgspec.Struct, frozen=True, tag="groups"):
    """Consecutive row groups of a Parquet file."""

    start: int
    stop: int
    first: int = 1
    """Position of the first record."""
    size: int = 0
    """Bytes, to share out work by."""


Part = LineRange | RowGroups


class LineCount(msgspec.Struct, frozen=True):
    """What the text of a range holds, wherever its lines begin."""

    length: int
    """In bytes."""
    newlines: int
    ended: bool
    """Whether it ends with a newline."""


def placed(ranges: Sequence[LineRange], counts: Sequence[LineCount]) -> list[LineRange]:
    """The first ``ranges`` of a file, as many as have ``counts``, with the positions of their first lines."""
    found: list[LineRange] = []
    first, at_line_start = 1, True
    for lines, count in zip(ranges, counts, strict=False):
        changes = {"length": count.length, "at_line_start": at_line_start, "first": first}
        found.append(msgspec.structs.replace(lines, **changes))
        if count.length:
            first += at_line_start + count.newlines - count.ended
            at_line_start = count.ended
    return found
