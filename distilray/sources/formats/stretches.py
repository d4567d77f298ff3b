"""The text of a :class:`~distilray.sources.parts.LineRange`: the lines that begin in it, and how many they are."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from distilray.sources.files import SourceFile
from distilray.sources.formats.malformed import COPY_AGAIN, Unreadable
from distilray.sources.formats.streams import CHUNK, WatchedFile, watched
from distilray.sources.parts import LineCount, LineRange

PIECE = 8 << 20
"""Bytes that are read at once: an object store answers each read with a request."""


class _Stretch(WatchedFile):
    """A file from ``lines.start`` to ``end``, in large pieces as far as ``lines`` go and in small ones behind them."""

    def __init__(self, file: pa.NativeFile, place: str, lines: LineRange, end: int) -> None:
        super().__init__(file, place)
        self.at, self.soon, self.end = lines.start, lines.stop, end
        self.piece = memoryview(b"")
        file.seek(lines.start)

    def read(self, size: int = -1) -> bytes:
        if not self.piece:
            most = min(PIECE, self.soon - self.at) if self.at < self.soon else min(CHUNK, self.end - self.at)
            self.piece = memoryview(super().read(most))
            self.at += len(self.piece)
        taken = len(self.piece) if size < 0 else size
        found, self.piece = self.piece[:taken], self.piece[taken:]
        return bytes(found)


def lines_of(place: str, file: SourceFile, lines: LineRange) -> Iterator[bytes]:
    """The lines that begin in the range, in chunks; the last chunk ends where they do."""
    if not lines.length:
        return
    left, inside = lines.length, lines.at_line_start
    for chunk in _text(place, file, lines, file.size):
        text = chunk
        if not inside:
            newline = text.find(b"\n", 0, max(left - 1, 0))  # one at the range's end begins no line in it
            if newline < 0:
                left -= len(text)
                if left < 2:
                    return
                continue
            inside, text, left = True, text[newline + 1 :], left - newline - 1
        end = text.find(b"\n", max(left - 1, 0))
        if end >= 0:
            yield text[: end + 1]
            return
        yield text
        left -= len(text)


def count_lines(place: str, file: SourceFile, lines: LineRange) -> LineCount:
    """What the range's text holds. Raises :class:`Unreadable` if its compressed data is damaged."""
    length, newlines, last = 0, 0, b""
    for chunk in _text(place, file, lines, lines.stop):
        length += len(chunk)
        newlines += chunk.count(b"\n")
        last = chunk[-1:]
    return LineCount(length, newlines, last == b"\n")


def _text(place: str, file: SourceFile, lines: LineRange, end: int) -> Iterator[bytes]:
    """What stands between ``lines.start`` and ``end`` of the file, decompressed."""
    with watched(place, file, seekable=True) as opened:
        raw = _Stretch(opened.file, place, lines, end)
        stream = pa.CompressedInputStream(pa.PythonFile(raw, "r"), lines.codec) if lines.codec else raw
        while True:
            try:
                chunk = stream.read(CHUNK)
            except OSError as error:
                raw.check()
                raise Unreadable(f"its {lines.codec} data is damaged ({error})", COPY_AGAIN) from error
            if not chunk:
                return
            yield chunk
