"""Where the members of compressed data begin: gzip files and zstd frames that were written one behind another.

Blocks of bgzip and frames of zstd name their lengths, so that nothing is decompressed to find them (RFC 8878, section
3; the SAM specification, section 4.1); members of other gzip files are found by decompressing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from distilray.sources.files import SourceFile
from distilray.sources.formats.malformed import COPY_AGAIN, Unreadable
from distilray.sources.formats.streams import CHUNK, WatchedFile, watched

PIECE = 8 << 20
"""Bytes that are read at once."""
MOST_TEXT = 16 << 20
"""Bytes that are decompressed at once."""
_ZSTD, _SKIPPED = 0xFD2FB528, 0x184D2A5
"""A frame's first four bytes; those of one that holds no data, without the last four bits."""
_RUN = 1
"""A block of zstd that repeats one byte."""


def members(place: str, file: SourceFile, codec: str) -> Iterator[int]:
    """The bytes of ``file`` at which members behind the first begin; none for a codec whose members are not known.

    Raises :class:`Unreadable` where the data is not what it should be.
    """
    with watched(place, file, seekable=True) as raw:
        data = _Bytes(raw, file.size)
        if walk := _walk(data, codec):
            yield from walk(data)


def _walk(data: _Bytes, codec: str) -> Callable[[_Bytes], Iterator[int]] | None:
    if codec == "zstd":
        return _zstd_frames
    if codec != "gzip":
        return None
    return _bgzip_blocks if data.size >= 18 and _is_bgzip(data.at(0, 18)) else _gzip_members


class _Bytes:
    """Any bytes of a file; those that are near one another cost one read."""

    def __init__(self, raw: WatchedFile, size: int) -> None:
        self.raw, self.size = raw, size
        self.begun, self.piece = 0, b""

    def at(self, offset: int, count: int) -> bytes:
        """Raises :class:`Unreadable` if the file ends before."""
        if offset < self.begun or offset + count > self.begun + len(self.piece):
            try:
                self.raw.seek(offset)
                self.begun, self.piece = offset, self.raw.read(max(PIECE, count))
            except OSError:
                self.raw.check()
                raise
        found = self.piece[offset - self.begun : offset - self.begun + count]
        if len(found) < count:
            raise Unreadable("its compressed data is cut short", COPY_AGAIN)
        return found

    def number(self, offset: int, count: int) -> int:
        return int.from_bytes(self.at(offset, count), "little")


def _zstd_frames(data: _Bytes) -> Iterator[int]:
    offset = 0
    while offset < data.size:
        magic = data.number(offset, 4)
        if magic >> 4 == _SKIPPED:
            offset += 8 + data.number(offset + 4, 4)
        elif magic == _ZSTD:
            if offset:
                yield offset
            offset = _end_of_frame(data, offset)
        else:
            raise Unreadable("something that is no zstd data follows it", COPY_AGAIN)


def _end_of_frame(data: _Bytes, offset: int) -> int:
    descriptor = data.number(offset + 4, 1)
    single_segment, checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
    offset += 5 + (not single_segment) + dictionary + content_size
    while True:
        block = data.number(offset, 3)
        offset += 3 + (1 if block >> 1 & 3 == _RUN else block >> 3)
        if block & 1:  # the last one
            return offset + 4 * checksum


def _is_bgzip(head: bytes) -> bool:
    return head[:4] == b"\x1f\x8b\x08\x04" and head[12:16] == b"BC\x02\x00"


def _bgzip_blocks(data: _Bytes) -> Iterator[int]:
    offset = 0
    while offset < data.size:
        head = data.at(offset, 18)
        if not _is_bgzip(head):
            raise Unreadable("something that is no bgzip block follows one", COPY_AGAIN)
        if offset:
            yield offset
        offset += int.from_bytes(head[16:18], "little") + 1


def _gzip_members(data: _Bytes) -> Iterator[int]:
    offset, stream = 0, zlib.decompressobj(wbits=31)
    while offset < data.size:
        rest = piece = data.at(offset, min(CHUNK, data.size - offset))
        offset += len(piece)
        while rest:
            try:
                stream.decompress(rest, MOST_TEXT)
            except zlib.error as error:
                raise Unreadable(f"its gzip data is damaged ({error})", COPY_AGAIN) from error
            if not stream.eof:
                rest = stream.unconsumed_tail
                continue
            rest = stream.unused_data
            stream = zlib.decompressobj(wbits=31)
            if offset - len(rest) < data.size:
                yield offset - len(rest)
