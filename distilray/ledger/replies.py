"""The reply log: a unit's replies by key, so that none is paid for twice, even after ``kill -9`` or a change of a step.

    log = ReplyLog(store, "steps/01-answer+judge", "unit-000004")
    log.get(key)                      # None, or the reply to an earlier attempt
    log.put(key, [{"text": "5", "finish_reason": "stop", "tokens_out": 2}])
    log.seal()                        # the unit is published: its replies are kept, compressed, in one file

A key hashes everything that determines a reply, so a phase that runs again because one of its steps changed replays
the replies of the other steps and asks only what is new.

On a local disk everything put in one turn of the event loop (without a loop: every put) is one append to the
attempt's own file, and the kernel keeps it when the process is killed; only the last line of a file can be torn, and
that reply is asked for again. Object stores cannot append: there replies gather and are published in segments, after
two seconds or 256 kB at the latest.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from distilray.errors import DistilrayError
from distilray.storage import StorageFault, Store

REPLIES = "replies"
SEALED = "sealed.zst"
SEGMENT_BYTES = 256 * 1024
SEGMENT_SECONDS = 2.0

_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(tuple[str, msgspec.Raw]).decode
_decode = msgspec.json.decode


class DamagedLog(DistilrayError, ValueError):
    """A reply log has an unreadable line where no kill can have truncated it."""


class ReplyLog:
    """Replies by key for one attempt at one unit; opening it loads what earlier attempts logged.
    Thread-safe.

    ``phase`` is the phase's directory in the run; ``before`` names those of earlier phases whose sealed replies may
    be reused."""

    def __init__(self, store: Store, phase: str, unit: str, before: Sequence[str] = ()) -> None:
        self.store = store
        self.folder = f"{REPLIES}/{phase}/{unit}"
        self._known: dict[str, list[dict[str, Any]] | msgspec.Raw] = {}
        self._used: set[str] = set()
        for other in before:
            self._known.update(_read_sealed(store, f"{REPLIES}/{other}/{unit}/{SEALED}"))
        names = store.names(self.folder)
        self._earlier = [f"{self.folder}/{name}" for name in names if name.endswith(".log")]
        self._sealed = SEALED in names
        if self._sealed:
            self._known.update(_read_sealed(store, f"{self.folder}/{SEALED}"))
        for path in self._earlier:
            self._known.update(_read_log(store, path))
        attempt = f"{self.folder}/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        self._sink = _File(store, attempt) if store.local else _Segments(store, attempt)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> list[dict[str, Any]] | None:
        """The replies to ``key``, from this attempt or an earlier one."""
        found = self._known.get(key)
        if found is not None:
            self._used.add(key)
        return _decode(found) if isinstance(found, msgspec.Raw) else found

    def put(self, key: str, replies: list[dict[str, Any]]) -> None:
        """Logs the replies to ``key``. Raises :class:`OSError` if the log cannot be written."""
        self._sink.append(_encode((key, replies)) + b"\n")
        self._known[key] = replies
        self._used.add(key)

    def flush(self) -> None:
        """Returns when every ``put`` is stored."""
        self._sink.flush()

    def close(self) -> None:
        """Flushes and closes the log; its contents stay for the next attempt."""
        self._sink.close()

    def seal(self) -> None:
        """Keeps what this attempt used as one compressed file in place of the attempts' logs: the unit is published."""
        if not self._used:
            return self.drop()
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as file:
            for key in self._used:
                file.write(_encode((key, self._known[key])) + b"\n")
        self.store.write(f"{self.folder}/{SEALED}", sink.getvalue())
        self._sink.abandon()
        if self._earlier or self._sink.written:
            for name in self.store.names(self.folder):
                if name != SEALED:
                    self.store.delete(f"{self.folder}/{name}")

    def drop(self) -> None:
        """Deletes the logs of all attempts, sealed or not."""
        self._sink.abandon()
        if self._earlier or self._sealed or self._sink.written:
            self.store.delete_dir(self.folder)


class _File:
    """Appends to one local file, opened at the first write; a write for each turn of the event loop, since one for each
    line took a tenth of a runner's time."""

    def __init__(self, store: Store, attempt: str) -> None:
        self._path = store.full(f"{attempt}.log")
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._file: int | None = None
        self._size = 0
        self._failure: OSError | None = None
        self.written = False

    def append(self, line: bytes) -> None:
        if self._failure is not None:
            raise StorageFault(f"the reply log cannot be written: {self._failure}") from self._failure
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._lines.append(line)
            self.flush()
            return
        self._lines.append(line)
        if len(self._lines) == 1:
            loop.call_soon(self._flush_later)

    def _flush_later(self) -> None:
        try:
            self.flush()
        except OSError as error:
            self._failure = error  # raised by the next put: nothing awaits a turn of the loop

    def flush(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            if not lines:
                return
            text = b"".join(lines)
            try:
                if self._file is None:
                    os.makedirs(os.path.dirname(self._path), exist_ok=True)
                    self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                    self.written = True
                done = os.write(self._file, text)
                if done < len(text):  # a full disk; what follows must not be appended to half a line
                    os.ftruncate(self._file, self._size)
                    raise OSError(f"{self._path}: wrote {done} of {len(text)} bytes; is the disk full?")
            except OSError:
                self._lines = lines + self._lines  # closing tries them once more, and raises where that fails too
                raise
            self._size += done

    def close(self) -> None:
        self.flush()
        self._close()

    def abandon(self) -> None:
        self._lines = []
        self._close()

    def _close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


class _Segments:
    """Gathers lines and publishes them as whole objects from a background thread."""

    def __init__(self, store: Store, attempt: str) -> None:
        self._store, self._attempt = store, attempt
        self._lines: list[bytes] = []
        self._bytes = 0
        self._number = 0
        self._failure: OSError | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._publishing = threading.Lock()
        self._thread: threading.Thread | None = None
        self.written = False

    def append(self, line: bytes) -> None:
        with self._changed:
            if self._failure is not None:
                raise StorageFault(f"the reply log cannot be written: {self._failure}") from self._failure
            self._lines.append(line)
            self._bytes += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="reply-log", daemon=True)
                self._thread.start()
            if self._bytes >= SEGMENT_BYTES:
                self._changed.notify()

    def flush(self) -> None:
        with self._publishing:
            with self._changed:
                lines, self._lines, self._bytes = self._lines, [], 0
            if not lines:
                return
            try:
                self._store.write(f"{self._attempt}-{self._number:06d}.log", b"".join(lines))
            except OSError:
                with self._changed:
                    self._lines = lines + self._lines
                    self._bytes = sum(map(len, self._lines))
                raise
            self._number += 1
            self.written = True

    def close(self) -> None:
        self._stop()
        self.flush()

    def abandon(self) -> None:
        self._stop()
        self._lines.clear()

    def _stop(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._bytes >= SEGMENT_BYTES, SEGMENT_SECONDS)
                if self._closed:
                    return
            try:
                self.flush()
            except OSError as error:
                self._failure = error  # raised by the next put: nothing awaits this thread
                return


def _read_sealed(store: Store, path: str) -> dict[str, msgspec.Raw]:
    """Empty if the file does not exist: units without requests have none."""
    try:
        data = store.read(path)
    except FileNotFoundError:
        return {}
    try:
        lines = pa.input_stream(pa.py_buffer(data), compression="zstd").read()
    except OSError as error:
        raise DamagedLog(
            f"{store.shown}/{path} cannot be decompressed ({error}); delete it to continue (its replies are then "
            "generated again)"
        ) from error
    return _parse(store, path, lines)


def _read_log(store: Store, path: str) -> dict[str, msgspec.Raw]:
    whole, _, torn = store.read(path).rpartition(b"\n")
    if torn and not store.local:
        raise DamagedLog(f"{store.shown}/{path} ends inside a line, but objects are published whole; delete it")
    return _parse(store, path, whole)


def _parse(store: Store, path: str, whole: bytes) -> dict[str, msgspec.Raw]:
    replies = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            key, raw = _decode_line(line)
        except msgspec.MsgspecError as error:
            raise DamagedLog(
                f"{store.shown}/{path}, line {number}: not a logged reply ({error}); delete the file to "
                "continue (its replies are then generated again)"
            ) from error
        replies[key] = raw.copy()
    return replies
