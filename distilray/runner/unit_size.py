"""How many rows a unit has: about ten thousand units a stage, whatever the size of the data.

A run fixes the number before its first ingest and records it (``run.json``), so that rows that are appended later give
no unit another name. The sources are estimated from their sizes and first records: no file is read through for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

import pyarrow.parquet as pq

from distilray.runner.context import LEAST_UNIT_ROWS
from distilray.sources import Source, SourceFile, read_records

UNITS = 10_000
MOST = 16_384
HELD_BYTES = 64 << 20
"""Most text of a unit."""
SAMPLE = 200
"""Records that are looked at in a source's largest file."""
UNPACKED = 4
"""What a compressed file grows by, more or less."""
COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")


def rows_of_a_unit(rows: float, row_bytes: float) -> int:
    """For ``rows`` rows of ``row_bytes`` bytes of text each."""
    by_number = min(max(math.ceil(rows / UNITS), LEAST_UNIT_ROWS), MOST)
    return max(1, min(by_number, int(HELD_BYTES / max(row_bytes, 1.0))))


def fitting_unit_rows(
    sources: Sequence[Source], files: Sequence[Sequence[SourceFile]], limit: int | None = None
) -> int:
    """The number for a run of ``sources``, whose ``files`` were listed, and at most ``limit`` rows of them."""
    found = [_size(source, listed) for source, listed in zip(sources, files, strict=True)]
    rows = sum(rows for rows, _ in found)
    if limit is not None:
        rows = min(rows, float(limit))
    return rows_of_a_unit(rows, max((row_bytes for _, row_bytes in found), default=0.0))


def _size(source: Source, files: Sequence[SourceFile]) -> tuple[float, float]:
    """About how many rows the source has, and the bytes of one; those of a function are as many as its limit."""
    largest = max(files, key=lambda file: file.size)
    sample = [record for _, record in islice(read_records(source, largest), SAMPLE) if isinstance(record, dict)]
    row_bytes = sum(len(str(record).encode("utf-8", "replace")) for record in sample) / max(len(sample), 1)
    if largest.filesystem is None:
        return float(source.limit or 0), row_bytes
    if largest.format == "parquet":
        with largest.filesystem.open_input_file(largest.path) as opened:
            per_byte = pq.read_metadata(opened).num_rows / max(largest.size, 1)
    else:
        packed = largest.name.endswith(COMPRESSED)
        per_byte = (UNPACKED if packed else 1) / max(row_bytes, 1.0)
    rows = sum(file.size for file in files) * per_byte
    return (rows if source.limit is None else min(rows, float(source.limit))), row_bytes
