"""Reads one source: its files are divided into parts, which tasks read side by side.

Without a limit that is one wave of tasks. With one, a wave holds about as many bytes as the rows before say that the
missing rows take; of the part in which the limit lies, as many rows are read as it says.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from distilray.ledger import fingerprint
from distilray.runner.file_parts import FilePart, UnitForm, part_key, read_parts
from distilray.runner.file_splits import FileSplits, SplitFile
from distilray.runner.part_records import PartRecord, PartRecords
from distilray.runner.tasks import Tasks
from distilray.sources import Part, Source, SourceFile
from distilray.storage import Store

MORE = 1.1
"""Times the bytes that a limit's rows are thought to take."""
MOST_FILES = 64
"""Short files that one task reads."""


@dataclass(frozen=True)
class Reading:
    """Where the rows of sources go, and what has been read of them before."""

    store: Store
    directory: str
    form: UnitForm
    tasks: Tasks
    span: int
    """Bytes of text in a part of a large file."""
    records: PartRecords


class SourceReading:
    """``labels``: the beginnings of the names of each file's units. ``most``: the most rows altogether."""

    def __init__(
        self, reading: Reading, source: Source, files: Sequence[SourceFile], labels: Sequence[str], most: int | None
    ) -> None:
        self.reading, self.source, self.most = reading, source, most
        self.splits = FileSplits(reading.store, reading.directory, reading.tasks, source, reading.span)
        self._files = deque(zip(files, labels, strict=True))
        self._waiting: deque[tuple[SplitFile, int]] = deque()
        """Parts of files that have been split, by their numbers."""

    def read(self) -> list[PartRecord]:
        """What was read, in the order of files and of the parts in them."""
        done: list[PartRecord] = []
        rows = size = 0
        while self._files or self._waiting:
            left = None if self.most is None else self.most - rows
            wave = self._next(_bytes_for(left, rows, size))
            for part, record in zip(wave, self._read(wave, left), strict=True):
                if self.most is not None and rows + record.rows > self.most:
                    [record] = self._read([part], self.most - rows)
                done.append(record)
                rows += record.rows
                size += part.size
                if rows == self.most:
                    return done
        return done

    def _read(self, parts: Sequence[FilePart], most: int | None) -> list[PartRecord]:
        reading, records = self.reading, self.reading.records
        missing = [part for part in parts if not _serves(records.get(part.label, part.key), most)]
        records.forget([part.label for part in missing])
        calls = []
        for group in self._grouped(missing):
            name = f"{fingerprint([[part.key for part in group], most])}.json"
            calls.append((reading.store, reading.directory, self.source, group, reading.form, most, name))
        for call, found in zip(calls, reading.tasks.map(read_parts, calls), strict=True):
            records.add(call[-1], found)
        return [record for part in parts if (record := records.get(part.label, part.key)) is not None]

    def _grouped(self, parts: Sequence[FilePart]) -> Iterator[list[FilePart]]:
        """Parts that one task reads: short files together, as long as every CPU has some."""
        each = min(self.reading.span, sum(part.size for part in parts) // (4 * self.reading.tasks.at_once))
        group: list[FilePart] = []
        for part in parts:
            if group and (len(group) == MOST_FILES or sum(one.size for one in group) + part.size > each):
                yield group
                group = []
            group.append(part)
        if group:
            yield group

    def _next(self, wanted: float) -> list[FilePart]:
        """The next parts that hold ``wanted`` bytes, or all that are left."""
        self._split(wanted - sum(one.sizes[number] for one, number in self._waiting))
        taken: list[tuple[SplitFile, int]] = []
        while self._waiting and wanted > 0:
            one, number = self._waiting.popleft()
            taken.append((one, number))
            wanted -= one.sizes[number]
        self.splits.count(taken)
        placed = {one.label: one.split.placed() for one, _ in taken}
        return [self._part(one, number, placed[one.label]) for one, number in taken]

    def _split(self, wanted: float) -> None:
        """Splits as many of the files that are left as hold ``wanted`` bytes."""
        chosen: list[tuple[SourceFile, str]] = []
        while self._files and wanted > 0:
            chosen.append(self._files.popleft())
            wanted -= max(1, chosen[-1][0].size)
        self._waiting += [(one, number) for one in self.splits.split(chosen) for number in range(len(one.sizes))]

    def _part(self, one: SplitFile, number: int, placed: Sequence[Part]) -> FilePart:
        part = placed[number] if placed else None
        label = f"{one.label}-{number:04d}" if placed else one.label
        return FilePart(one.file, part, label, part_key(one.identity, part, label, self.reading.form))


def _serves(record: PartRecord | None, most: int | None) -> bool:
    """Whether what was read before is what would be read with ``most`` rows left."""
    if record is None or record.most is None:
        return record is not None and (most is None or record.rows <= most)
    return record.most == most


def _bytes_for(rows: int | None, before: int, size: int) -> float:
    """Bytes in which ``rows`` are thought to be, where ``before`` rows were in ``size`` bytes."""
    if rows is None:
        return math.inf
    return MORE * rows * size / before if before else max(1, 2 * size)
