"""How the large files of a source are split, and what has been counted in them, found by tasks and kept in the run.

Ranges of a plain JSONL file are counted as they are needed, since a limit may lie in the first; those of a compressed
file all at once, since one that is damaged is read as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from distilray.ledger import fingerprint
from distilray.runner.file_parts import count_lines, split_file, without_filesystem
from distilray.runner.identity import file_identity
from distilray.runner.tasks import Tasks
from distilray.sources import LineCount, LineRange, Part, RowGroups, Source, SourceFile, placed
from distilray.storage import Store

SPLITS = "splits"


class Split(msgspec.Struct):
    """The parts of a large file (none: it is read as a whole), and what is in them, as far as it has been counted."""

    parts: list[LineRange | RowGroups] = []
    counts: list[LineCount] = []

    def placed(self) -> list[Part]:
        """The parts that know their positions."""
        lines = [part for part in self.parts if isinstance(part, LineRange)]
        return [*placed(lines, self.counts)] if lines else [*self.parts]


@dataclass(frozen=True, slots=True)
class SplitFile:
    """A file without its filesystem, the label of its units, what determines its rows, and its parts."""

    file: SourceFile
    label: str
    identity: Sequence[object]
    split: Split = field(default_factory=Split)

    @property
    def sizes(self) -> list[int]:
        """Of its parts, or its own."""
        return [part.size for part in self.split.parts] or [max(1, self.file.size)]


@dataclass(frozen=True)
class FileSplits:
    store: Store
    directory: str
    tasks: Tasks
    source: Source
    span: int
    """Bytes of text in a part."""

    def split(self, files: Sequence[tuple[SourceFile, str]]) -> list[SplitFile]:
        """``files``, which have labels, with the parts of those that are large."""
        found = [
            SplitFile(without_filesystem(file), label, file_identity(self.source, file), Split())
            for file, label in files
        ]
        new = [one for one in found if 2 * one.file.size >= self.span and not self._take_kept(one)]
        calls = [(self.source, one.file, self.span) for one in new]
        for one, parts in zip(new, self.tasks.map(split_file, calls), strict=True):
            one.split.parts = parts
        for damaged in self._counted([(one, k) for one in new for k in _compressed(one)]):
            damaged.split.parts, damaged.split.counts = [], []
        for one in new:
            self._keep(one)
        return found

    def count(self, parts: Sequence[tuple[SplitFile, int]]) -> None:
        """Counts those of the parts with these numbers whose successors need it, in the order of their files."""
        missing = [(one, k) for one, k in parts if k >= len(one.split.counts) and _is_range(one, k)]
        self._counted(missing)
        for one in {one.label: one for one, _ in missing}.values():
            self._keep(one)

    def _counted(self, parts: Sequence[tuple[SplitFile, int]]) -> list[SplitFile]:
        """Counts ranges; returns the files that turned out to be damaged."""
        damaged: list[SplitFile] = []
        calls = [(self.source, one.file, one.split.parts[k]) for one, k in parts]
        for (one, _), count in zip(parts, self.tasks.map(count_lines, calls), strict=True):
            if count is None:
                damaged.append(one)
            else:
                one.split.counts.append(count)
        return damaged

    def _take_kept(self, one: SplitFile) -> bool:
        """Whether it is known from before how a file is split."""
        try:
            kept = msgspec.json.decode(self.store.read(self._place(one)), type=Split)
        except FileNotFoundError:
            return False
        one.split.parts, one.split.counts = kept.parts, kept.counts
        return True

    def _keep(self, one: SplitFile) -> None:
        self.store.write_json(self._place(one), one.split)

    def _place(self, one: SplitFile) -> str:
        return f"{self.directory}/{SPLITS}/{fingerprint([one.identity, self.span])}.json"


def _is_range(one: SplitFile, number: int) -> bool:
    return bool(one.split.parts) and isinstance(one.split.parts[number], LineRange)


def _compressed(one: SplitFile) -> list[int]:
    """The numbers of its compressed ranges."""
    return [k for k, part in enumerate(one.split.parts) if isinstance(part, LineRange) and part.codec]
