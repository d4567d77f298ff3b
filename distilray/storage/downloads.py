"""Checkpoints on another filesystem (``s3://...``): a node copies each of their files once, when it is first needed.

    there = RemoteFolder.at("s3://models/teacher")
    there.fetch()                                     # the local folder with every file
    there.fetch(lambda name: name == "config.json")   # with this one at least

The local folder's name is a hash of the address and of the listing of its files, so that a rewritten checkpoint is
copied again. A file appears there only when complete; processes that need the same one wait for the first of them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs as pafs

from distilray.storage.addresses import resolve, without_keys
from distilray.storage.patience import patiently

FILES_AT_ONCE = 4
CHUNK = 64 << 20
"""Bytes asked for at a time; pyarrow's own 1 MiB would cost a request each."""
PATIENCE_S = 300.0
"""How long a file is asked for again where the filesystem fails, after it has listed the folder."""


def everything(name: str) -> bool:
    """Every file is wanted."""
    return True


@dataclass(frozen=True)
class RemoteFolder:
    """The files of the checkpoint at ``uri``, folders in it left out."""

    uri: str
    system: pafs.FileSystem
    files: tuple[pafs.FileInfo, ...]

    @classmethod
    def at(cls, uri: str) -> RemoteFolder:
        """Raises :class:`FileNotFoundError` if there is no such folder, and what the filesystem raises."""
        system, base = resolve(uri)
        found = [info for info in system.get_file_info(pafs.FileSelector(base)) if info.is_file]
        return cls(uri, system, tuple(sorted(found, key=lambda info: info.path)))

    @property
    def local(self) -> Path:
        """Where its files are on this node, those that have been fetched."""
        listing = [f"{info.base_name}\0{info.size}\0{info.mtime_ns}" for info in self.files]
        name = hashlib.blake2b("\0".join([self.uri.partition("?")[0], *listing]).encode(), digest_size=12).hexdigest()
        return _root() / "checkpoints" / name

    def fetch(self, wanted: Callable[[str], bool] = everything) -> Path:
        """:attr:`local`, which has at least the files whose names are ``wanted``."""
        folder = self.local
        folder.mkdir(parents=True, exist_ok=True)
        missing = [info for info in self.files if wanted(info.base_name) and not (folder / info.base_name).exists()]
        if missing:
            with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="download") as threads:
                list(threads.map(lambda info: self._fetch(info, folder), missing))
        return folder

    def _fetch(self, info: pafs.FileInfo, folder: Path) -> None:
        name = f"{folder.name}-{info.base_name}"
        with _alone(name):
            final = folder / info.base_name
            if final.exists():  # another process of this node was first
                return
            # A process that was killed left its part under the same name.
            arriving = _root() / "arriving" / name
            arriving.parent.mkdir(exist_ok=True)
            try:
                patiently(lambda: self._copy(info, arriving), without_keys(self.uri), PATIENCE_S)
                arriving.rename(final)
            finally:
                arriving.unlink(missing_ok=True)

    def _copy(self, info: pafs.FileInfo, to: Path) -> None:
        pafs.copy_files(info.path, str(to), self.system, pafs.LocalFileSystem(), chunk_size=CHUNK)


def _root() -> Path:
    return Path(os.environ.get("DISTILRAY_CACHE") or Path(tempfile.gettempdir()) / f"distilray-cache-{os.getuid()}")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """One process of this node at a time, and one thread of it; the system releases what a killed one held."""
    place = _root() / "locks"
    place.mkdir(exist_ok=True)
    with (place / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
