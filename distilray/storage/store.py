"""A store: a run directory on any filesystem that pyarrow knows.

    store = Store("s3://bucket/runs/first?endpoint_override=127.0.0.1:9000&scheme=http")
    store.write("steps/00-sources/unit-000000.parquet", buffer)
    store.names("steps/00-sources")  # ["unit-000000.parquet"]

Paths are relative to the run directory, with ``/`` between names. What is written appears whole or not at all (see
:mod:`distilray.storage.atomic`). S3 credentials and endpoints come from the URI's query or from the ``AWS_*``
environment of the process, also after unpickling on another node.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.fs as pafs

from distilray.errors import InputError
from distilray.storage.addresses import absolute, resolve, without_keys
from distilray.storage.atomic import move, put
from distilray.storage.patience import patiently

PATIENCE_S = 300.0
MOVES_AT_ONCE = 16
READS = 5
"""Read attempts for an object that is deleted and rewritten in the meantime."""
REMEDIES = {
    "ACCESS_DENIED": "check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile)",
    "NO_SUCH_BUCKET": "make the bucket first",
    "NETWORK_CONNECTION": "is the server up, and are endpoint_override and region right?",
    "Unrecognized filesystem": "give a folder, or a URI such as s3://bucket/runs/first; fsspec+SCHEME:// for others",
    "": "give a folder, or a URI such as s3://bucket/runs/first",
}


T = TypeVar("T")


class StoreError(InputError):
    """No run can be stored at a place; the text names the place, the filesystem's error, and the remedy."""

    def __init__(self, place: str, error: Exception) -> None:
        reason = without_keys(str(error).strip()) or type(error).__name__  # pyarrow repeats the URI, keys and all
        remedy = next(remedy for mark, remedy in REMEDIES.items() if mark in reason)
        super().__init__(f"{without_keys(place)} cannot hold a run directory: {reason}\n  {remedy}")


class Store:
    """The run directory at ``uri``: a URI of a pyarrow filesystem, or a plain local path. Picklable,
    thread-safe.

    ``patience_s``: how long a call that fails is tried again (:func:`~distilray.storage.patience.patiently`); such a
    store raises :class:`FileNotFoundError` and :class:`StorageFault` alone. At 0 it raises what the filesystem does.
    """

    def __init__(self, uri: str | os.PathLike[str], patience_s: float = 0.0) -> None:
        self.uri = absolute(uri)
        self.patience_s = patience_s
        self.filesystem, self.base = resolve(self.uri)
        self.local = isinstance(self.filesystem, pafs.LocalFileSystem)

    @classmethod
    def reach(cls, uri: str | os.PathLike[str]) -> Store:
        """The store at ``uri`` after it has answered once; :class:`StoreError` if no run can be stored there."""
        try:
            store = cls(uri)
            if not store.base.strip("/"):
                raise ValueError("it names no bucket" if not store.local else "it is the whole disk")
            store.exists("run.json")
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StoreError(os.fspath(uri), error) from error
        return store

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.uri, self.patience_s)

    def patient(self, seconds: float = PATIENCE_S) -> Store:
        """The same run directory, for work that outlasts faults of the storage."""
        return Store(self.uri, seconds)

    def tried(self, path: str, call: Callable[[], T]) -> T:
        """What ``call``, which uses the file at ``path`` and may be repeated, returns with this store's patience."""
        return patiently(call, f"{self.shown}/{path}", self.patience_s) if self.patience_s else call()

    def __repr__(self) -> str:
        return f"Store({self.shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and self.uri == other.uri

    def __hash__(self) -> int:
        return hash(self.uri)

    @property
    def shown(self) -> str:
        """The URI without the keys that it may carry, for messages."""
        return without_keys(self.uri)

    @property
    def typed(self) -> str:
        """``shown``, quoted for a shell: an object store's URI contains ``?`` and ``&``."""
        return shlex.quote(self.shown)

    def full(self, path: str) -> str:
        """``path`` as ``filesystem`` names it (for pyarrow.dataset and pyarrow.parquet)."""
        return f"{self.base}/{path}" if path else self.base

    def read(self, path: str) -> bytes:
        """The whole file, as one writer left it; :class:`FileNotFoundError` where there is none."""
        return self.tried(path, lambda: self._read_whole(path))

    def _read_whole(self, path: str) -> bytes:
        for left in reversed(range(READS)):
            try:
                return self._read(path)
            except FileNotFoundError:
                raise
            except (OSError, ValueError) as error:  # a ValueError: Google's client closes what was replaced
                # An object that is deleted between being opened and being read is another OSError on S3, of several
                # names; and its owner may have rewritten it since. A store out of reach fails here once more.
                if not self._exists(path):
                    raise FileNotFoundError(f"{self.shown}/{path} was deleted while it was read") from error
                if isinstance(error, ValueError) and not left:
                    raise OSError(str(error)) from error
                if self.local or not left:
                    raise
        raise AssertionError("the last read returns or raises")

    def _read(self, path: str) -> bytes:
        while True:
            with self.open_input(path) as file:
                version, data = file.metadata(), file.read()
            if self.local:
                return data
            # An object that is replaced between being opened and being read is cut to the length of the old one.
            with self.open_input(path) as file:
                if file.metadata() == version:
                    return data

    def open_input(self, path: str) -> pa.NativeFile:
        """A file for random access; :class:`FileNotFoundError` where there is none. What is read from it meets faults
        without patience: wrap it all in :meth:`tried`."""
        return self.filesystem.open_input_file(self.full(path))

    def write(self, path: str, data: bytes | bytearray | memoryview | pa.Buffer, *, durable: bool = True) -> None:
        """Publishes ``data`` at ``path``, whole or not at all, replacing any earlier file.

        ``durable=False`` is for what is worthless after a power cut (heartbeats, progress, crash marks); an existing
        unit is never redone.
        """
        self.tried(path, lambda: put(self.filesystem, self.full(path), data, durable=durable))

    def read_json(self, path: str) -> Any:
        try:
            return msgspec.json.decode(self.read(path))
        except msgspec.DecodeError as error:
            raise ValueError(f"{self.shown}/{path} is not JSON ({error}); it was modified outside distilray") from error

    def write_json(self, path: str, value: Any, *, durable: bool = True) -> None:
        self.write(path, msgspec.json.format(msgspec.json.encode(value), indent=1), durable=durable)

    def exists(self, path: str) -> bool:
        return self.tried(path, lambda: self._exists(path))

    def _exists(self, path: str) -> bool:
        return self.filesystem.get_file_info(self.full(path)).type != pafs.FileType.NotFound

    def names(self, folder: str) -> list[str]:
        """Sorted names of the files and folders in ``folder``; none where it does not exist."""
        return self.tried(folder, lambda: self._names(folder))

    def _names(self, folder: str) -> list[str]:
        if self.local:
            try:
                names = os.listdir(self.full(folder))
            except FileNotFoundError:
                return []
        else:
            names = self._listed(self.full(folder))
        return sorted(name for name in names if not name.startswith("."))

    def _listed(self, folder: str) -> set[str]:
        deep = self.filesystem.type_name == "gcs"  # which lists no folder, unless somebody has made one on purpose
        selector = pafs.FileSelector(folder, allow_not_found=True, recursive=deep)
        found = [info.path for info in self.filesystem.get_file_info(selector)]
        return {PurePosixPath(path).relative_to(folder).parts[0] for path in found}

    def files_below(self, folder: str) -> list[str]:
        """Paths of all files below ``folder``, sorted."""
        selector = pafs.FileSelector(self.full(folder), allow_not_found=True, recursive=True)
        root = PurePosixPath(self.base)
        listed = self.tried(folder, lambda: self.filesystem.get_file_info(selector))
        found = (info for info in listed if info.is_file)
        return sorted(str(PurePosixPath(info.path).relative_to(root)) for info in found)

    def delete(self, path: str) -> None:
        """Removes a file; it need not exist."""
        try:
            self.tried(path, lambda: self.filesystem.delete_file(self.full(path)))
        except FileNotFoundError:
            return

    def delete_dir(self, folder: str) -> None:
        """Removes a folder and everything below it; it need not exist."""
        try:
            self.tried(folder, lambda: self._delete_dir(self.full(folder)))
        except FileNotFoundError:
            return

    def _delete_dir(self, path: str) -> None:
        try:
            self.filesystem.delete_dir(path)
        except FileNotFoundError:
            raise
        except OSError:
            if self.local:
                raise
            # Google's says so of a folder that is not there, and Azure's may refuse many deletions in one request.
            selector = pafs.FileSelector(path, allow_not_found=True, recursive=True)
            for info in self.filesystem.get_file_info(selector):
                if info.is_file:
                    self.filesystem.delete_file(info.path)

    def move_dir(self, folder: str, target: str, *, last: str = "") -> None:
        """Moves a folder: a rename on a local disk; on an object store file by file (copied by the server),
        the one named ``last`` at the end, so that calling it again resumes an interrupted
        move."""
        if self.local:
            os.makedirs(os.path.dirname(self.full(target)), exist_ok=True)
            os.rename(self.full(folder), self.full(target))
            return

        def moved(path: str) -> None:
            self.tried(path, lambda: self._move(self.full(path), self.full(target + path.removeprefix(folder))))

        files = self.files_below(folder)
        with ThreadPoolExecutor(MOVES_AT_ONCE) as pool:
            list(pool.map(moved, [path for path in files if path != f"{folder}/{last}"]))
        if f"{folder}/{last}" in files:
            moved(f"{folder}/{last}")
        self.delete_dir(folder)

    def _move(self, path: str, target: str) -> None:
        try:
            move(self.filesystem, path, target)
        except FileNotFoundError:  # an earlier try that was cut off has moved it
            if self.filesystem.get_file_info(target).type == pafs.FileType.NotFound:
                raise
