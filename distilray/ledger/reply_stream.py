"""A runner's reply stream: one after another, segments with the replies to all of its units.

What is put in one turn of the event loop goes to a thread that stores it. On a local disk that is one append, and the
kernel keeps it when the process is killed; object stores cannot append: there a segment is one object, published after
two seconds or a megabyte at the latest. So a runner makes one request in two seconds, however many units it has open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable

from distilray.ledger.segments import Runs, encode_index, join_lines
from distilray.storage import StorageFault, Store

REPLIES = "replies"
STREAMS = "streams"
OBJECT_BYTES = 1 << 20
OBJECT_SECONDS = 2.0
FILE_BYTES = 8 << 20
PAUSE_S = 1.0
"""Until what could not be stored is tried again. The store has had its own patience before."""

log = logging.getLogger(__name__)


def stream_folder(phase: str, runner: str = "") -> str:
    """Where the streams of a phase are, or that of one runner."""
    return f"{REPLIES}/{phase}/{STREAMS}/{runner}".rstrip("/")


class ReplyStream:
    """Lines of units, stored by a thread of its own. Thread-safe."""

    def __init__(self, store: Store, phase: str, runner: str) -> None:
        self._store, self.folder = store, stream_folder(phase, runner)
        self._segment = _File(store) if store.local else _Object(store)
        self._number = 0
        self._waiting: dict[str, list[bytes]] = {}
        self._bytes = 0
        self._failure: OSError | None = None
        self._closed = False
        self._told_by: asyncio.AbstractEventLoop | None = None
        """The loop that will tell the thread at the end of its turn."""
        self._changed = threading.Condition()
        self._storing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._units: dict[str, set[str]] = {}
        """Segment to those of its units that have no record yet."""

    def append(self, unit: str, line: bytes) -> None:
        """Stores ``line`` soon; at once where no event loop runs. Raises :class:`StorageFault` while earlier lines
        cannot be stored."""
        with self._changed:
            if self._failure is not None and self._waiting:
                raise StorageFault(f"the reply log cannot be written: {self._failure}") from self._failure
            first = not self._waiting
            self._waiting.setdefault(unit, []).append(line)
            self._bytes += len(line)
            if not self._store.local:
                if first or self._bytes >= OBJECT_BYTES:
                    self._wake()
                return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._told_by is not loop:
            self._told_by = loop
            loop.call_soon(self._tell)  # with what else comes in this turn

    def flush(self) -> None:
        """Returns when all lines are stored; raises :class:`OSError` where that fails, and keeps them."""
        with self._storing:
            with self._changed:
                lines, self._waiting, self._bytes = self._waiting, {}, 0
            if lines:
                try:
                    self._put(lines)
                except OSError:
                    with self._changed:
                        for unit, later in self._waiting.items():
                            lines.setdefault(unit, []).extend(later)
                        self._waiting = lines
                        self._bytes = sum(len(line) for some in lines.values() for line in some)
                    raise
            self._failure = None

    def forget(self, unit: str) -> None:
        """Lines of ``unit`` that are not stored yet need not be: it is kept elsewhere, or done."""
        with self._changed:
            self._waiting.pop(unit, None)

    def recorded(self, units: Iterable[str]) -> None:
        """``units`` have a commit record: segments that hold nothing else are deleted."""
        done = set(units)
        with self._storing:
            for left in self._units.values():
                left -= done
            empty = [path for path, left in self._units.items() if not left and path != self._segment.path]
            for path in empty:
                del self._units[path]
        for path in empty:
            try:
                self._store.delete(path)
            except OSError as error:  # the end of the phase deletes it
                log.warning("%s/%s is left: %s", self._store.shown, path, error)

    def close(self) -> None:
        """Stores what waits, and ends the last segment."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self.flush()
        with self._storing:
            self._segment.end()

    def _put(self, lines: dict[str, list[bytes]]) -> None:
        if self._segment.path is None:
            self._segment.path = f"{self.folder}/{self._number:06d}.log"
            self._number += 1
        path = self._segment.path
        self._segment.put(lines)
        self._units.setdefault(path, set()).update(lines)

    def _tell(self) -> None:
        self._told_by = None
        with self._changed:
            self._wake()

    def _wake(self) -> None:
        """The lock is held."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._store_on, name="reply-stream", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _store_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if not self._store.local:
                    self._changed.wait_for(lambda: self._closed or self._bytes >= OBJECT_BYTES, OBJECT_SECONDS)
                if self._closed:
                    return
            try:
                self.flush()
            except OSError as error:
                self._failure = error  # raised by the next append: nothing awaits this thread
                time.sleep(PAUSE_S)


class _File:
    """A segment on a local disk, which grows until it is large enough."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path: str | None = None
        """None before the first and between two segments."""
        self._file: int | None = None
        self._size = 0
        self._index: dict[str, Runs] = {}

    def put(self, lines: dict[str, list[bytes]]) -> None:
        assert self.path is not None
        text, runs = join_lines(lines, self._size)
        if self._file is None:
            full = self._store.full(self.path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            self._file = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._write(self._file, text)
        for unit, run in runs.items():
            self._index.setdefault(unit, []).append(run)
        if self._size >= FILE_BYTES:
            self.end()

    def _write(self, file: int, text: bytes) -> None:
        done = os.write(file, text)
        if done < len(text):  # a full disk; what follows must not be appended to half a line
            os.ftruncate(file, self._size)
            raise OSError(f"{self.path}: wrote {done} of {len(text)} bytes; is the disk full?")
        self._size += done

    def end(self) -> None:
        """Closes it with its index; without one (the disk is full) it is read whole when it is needed."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._write(self._file, encode_index(self._index, self._size))
            os.close(self._file)
        self.path = self._file = None
        self._size, self._index = 0, {}


class _Object:
    """A segment on an object store: published whole."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path: str | None = None

    def put(self, lines: dict[str, list[bytes]]) -> None:
        assert self.path is not None
        text, runs = join_lines(lines)
        index = {unit: [run] for unit, run in runs.items()}
        self._store.write(self.path, text + encode_index(index, len(text)))
        self.path = None

    def end(self) -> None:
        """Nothing is open."""
