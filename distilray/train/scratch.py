"""The folder on a node's own disk that the workers of a launch share: tokens, checkpoints on their way, the student.

Workers that are killed cannot remove it. So each holds a lock in it, which the operating system releases when it dies,
and whoever begins on a node removes the folders in which nobody holds one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX, LOCK = "distilray-train-", "lock"


def scratch_of(token: str) -> str:
    """The folder of the launch ``token``, the same path on every node."""
    return os.path.join(tempfile.gettempdir(), f"{PREFIX}{token}")


@contextmanager
def held(folder: str, *, first: bool) -> Iterator[None]:
    """Makes ``folder`` and keeps it from being swept; the ``first`` worker of a node empties it, and removes those that
    killed trainings have left."""
    lock = _lock(folder)
    try:
        if first:
            _empty(folder)
            sweep()
        yield
    finally:
        os.close(lock)


def sweep() -> None:
    """Removes folders of launches that no process of this node belongs to any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, another user's, or removed meanwhile
            lock = os.open(folder / LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def remove(folder: str) -> None:
    """Removes ``folder``, whoever uses it; it need not exist."""
    shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: str) -> int:
    """A shared lock in ``folder``, as an open file; the folder is made again if it is being removed."""
    path = os.path.join(folder, LOCK)
    while True:
        os.makedirs(folder, exist_ok=True)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_SH)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(lock).st_ino:
                return lock
        os.close(lock)


def _empty(folder: str) -> None:
    """Remains of workers that were replaced in the same launch."""
    for entry in Path(folder).iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()
