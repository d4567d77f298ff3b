"""Divides large files into parts that are read side by side.

    ranges = split_file(source, file)                                 # [] for a file that is read as a whole
    counts = [count_part(source, file, part) for part in ranges]      # side by side
    parts = placed(ranges, counts)                                    # and these are read side by side

JSONL files are divided by bytes (compressed ones where a member of their data begins), Parquet files by row groups.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from distilray.sources.files import SourceFile
from distilray.sources.formats.malformed import Unreadable
from distilray.sources.formats.members import members
from distilray.sources.formats.streams import encoded_as, place_of, watched
from distilray.sources.formats.stretches import count_lines
from distilray.sources.parts import LineCount, LineRange, Part, RowGroups
from distilray.sources.readers import format_of
from distilray.sources.settings import Source

SPAN = 16 << 20
"""Bytes of text in a part: about a second of reading."""
COMPRESSED = 4
"""Text is about so many times as long as its compressed bytes."""
MOST_PARTS = 256
LARGEST_SPAN = 1 << 30
"""A file of more than ``MOST_PARTS`` parts has longer ones, up to this."""


def split_file(source: Source, file: SourceFile, span: int = SPAN) -> list[Part]:
    """The parts of ``file``; none if it is read as a whole: it is short, is damaged, or has no place to cut it at.

    Parts of Parquet files know their positions, ranges of lines get them from :func:`placed`.
    """
    span = min(max(span, file.size // MOST_PARTS), max(span, LARGEST_SPAN))
    if file.filesystem is None or file.size < 2 * span // COMPRESSED:
        return []
    match format_of(source, file):
        case "jsonl":
            return [*_line_ranges(place_of(source, file), file, span)]
        case "parquet":
            return [*_row_groups(place_of(source, file), file, span)]
    return []


def count_part(source: Source, file: SourceFile, part: LineRange) -> LineCount | None:
    """What the text of ``part`` holds; None if that is damaged, and the file to be read as a whole."""
    try:
        return count_lines(place_of(source, file), file, part)
    except Unreadable:
        return None


def _line_ranges(place: str, file: SourceFile, span: int) -> list[LineRange]:
    try:
        codec, mark, encoding = encoded_as(place, file)
        if encoding != "utf-8" or (codec and mark):
            return []
        cuts = members(place, file, codec) if codec else _evenly(file.size, file.size // span)
        starts = _apart([len(mark)], cuts, span // COMPRESSED if codec else 1)
    except Unreadable:
        return []
    return [
        LineRange(start, stop, codec, 0 if codec else stop - start)
        for start, stop in zip(starts, [*starts[1:], file.size], strict=True)
        if len(starts) > 1
    ]


def _evenly(size: int, parts: int) -> Iterable[int]:
    """Where so many bytes are cut into parts of one length."""
    return (size * k // parts for k in range(1, parts))


def _apart(starts: list[int], cuts: Iterable[int], least: int) -> list[int]:
    """``starts`` and those of ``cuts`` that are at least so many bytes behind the one before."""
    for cut in cuts:
        if cut - starts[-1] >= least:
            starts.append(cut)
    return starts


def _row_groups(place: str, file: SourceFile, span: int) -> list[RowGroups]:
    with watched(place, file, seekable=True) as raw:
        try:
            metadata = pq.read_metadata(pa.PythonFile(raw, "r"))
            groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
        except (pa.ArrowException, OSError, ValueError):
            raw.check()
            return []  # what is wrong with it is told when it is read
    found: list[RowGroups] = []
    begun = rows = size = 0
    first = 1
    for k, group in enumerate(groups, 1):
        rows, size = rows + group.num_rows, size + group.total_byte_size
        if size >= span or k == len(groups):
            found.append(RowGroups(begun, k, first, size))
            begun, first, rows, size = k, first + rows, 0, 0
    return found if len(found) > 1 else []
