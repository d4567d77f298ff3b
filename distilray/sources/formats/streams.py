"""The bytes of a text file as UTF-8: decompressed, and without a byte-order mark.

How a file is compressed is told by its first bytes, whatever its name. UTF-16 and UTF-32 are told by their byte-order
marks; without one the text is taken for UTF-8, and nothing is guessed.

When the file system fails, that is an error of the source (:class:`SourceError`) and no row's fault; what the file's
own bytes cause is :class:`Unreadable`, raised once all bytes before it have been given.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pyarrow as pa

from distilray.sources.files import SourceFile
from distilray.sources.formats.malformed import COPY_AGAIN, Unreadable
from distilray.sources.settings import Source, fault

CHUNK = 1 << 20  # bytes
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like the mark of UTF-16, so it is tried first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class WatchedFile:
    """A file for pyarrow's readers, which raise :class:`OSError` both for a failing file system and for what they read;
    :meth:`check` tells which it was."""

    closed = False

    def __init__(self, file: pa.NativeFile, place: str) -> None:
        self.file, self.place = file, place
        self.failed: OSError | None = None
        self.ahead = b""

    def read(self, size: int = -1) -> bytes:
        ahead, self.ahead = self.ahead, b""
        try:
            return ahead + self.file.read(None if size < 0 else max(size - len(ahead), 0))
        except OSError as error:
            self.failed = error
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay unread; the next read takes at least as many."""
        try:
            self.ahead = self.read(size)
        except OSError:
            self.check()
        return self.ahead

    def close(self) -> None:
        """Whoever opened the file closes it."""

    def check(self) -> None:
        """Raises :class:`SourceError` if the file system has failed."""
        if self.failed is not None:
            raise fault(self.place, self.failed) from self.failed


@contextmanager
def watched(place: str, file: SourceFile, *, seekable: bool = False) -> Iterator[WatchedFile]:
    """``file``, opened; ``seekable`` for readers that go to and fro in it."""
    assert file.filesystem is not None
    try:
        opened = (
            file.filesystem.open_input_file(file.path)
            if seekable
            else file.filesystem.open_input_stream(file.path, compression=None, buffer_size=CHUNK)
        )
    except OSError as error:
        raise fault(place, error) from error
    with opened:
        yield WatchedFile(opened, place)


def place_of(source: Source, file: SourceFile) -> str:
    return f"source {source.name!r}, file {file.name}"


def text_chunks(place: str, file: SourceFile) -> Iterator[bytes]:
    """The text of ``file`` as UTF-8, in chunks; not checked for being UTF-8, if that is what it claims to be."""
    chunks = _chunks(place, file)
    first = next(chunks, b"")
    mark, encoding = _marked(first)
    chunks = chain([first[len(mark) :]], chunks)
    yield from chunks if encoding == "utf-8" else _transcoded(chunks, encoding)


def encoded_as(place: str, file: SourceFile) -> tuple[str, bytes, str]:
    """The codec of ``file`` (empty: none), its byte-order mark and its encoding. Raises :class:`Unreadable`."""
    with _decompressed(place, file) as (stream, codec, raw):
        try:
            first = stream.read(CHUNK)
        except OSError as error:
            raw.check()
            raise Unreadable(f"its {codec} data is damaged ({error})", COPY_AGAIN) from error
    return codec, *_marked(first)


def _marked(text: bytes) -> tuple[bytes, str]:
    """The byte-order mark at the beginning of ``text``, and the encoding that it tells."""
    return next(((mark, name) for mark, name in MARKS if text.startswith(mark)), (b"", "utf-8"))


def _transcoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decode = codecs.getincrementaldecoder(encoding)("surrogatepass").decode
    name = encoding[:6].upper()
    try:
        for chunk in chunks:
            yield decode(chunk).encode("utf-8", "surrogatepass")  # what is no character makes its record malformed
        decode(b"", True)
    except UnicodeDecodeError as error:
        raise Unreadable(f"the file begins as {name} text, but does not go on so", "Save it as UTF-8") from error


def _chunks(place: str, file: SourceFile) -> Iterator[bytes]:
    given = 0
    with _decompressed(place, file) as (stream, codec, raw):
        while True:
            try:
                chunk = stream.read(CHUNK)
            except OSError as error:
                raw.check()
                failure = error
                break
            if not chunk:
                return
            given += len(chunk)
            yield chunk
    if rest := _before_failure(place, file, given):
        yield rest
    cut = "cut short" if "Truncated" in str(failure) else f"damaged ({failure})"
    raise Unreadable(f"its {codec} data is {cut}", COPY_AGAIN) from failure


@contextmanager
def _decompressed(place: str, file: SourceFile) -> Iterator[tuple[Any, str, WatchedFile]]:
    with watched(place, file) as raw:
        head = raw.peek(4)
        codec = next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")
        yield (pa.CompressedInputStream(pa.PythonFile(raw, "r"), codec) if codec else raw), codec, raw


def _before_failure(place: str, file: SourceFile, given: int) -> bytes:
    """What a read that failed would have given before: read again, byte by byte from where it began."""
    found = bytearray()
    with _decompressed(place, file) as (stream, _, raw):
        try:
            while given > 0:
                given -= len(stream.read(min(given, CHUNK)))
            while byte := stream.read(1):
                found += byte
        except OSError:
            raw.check()
    return bytes(found)
