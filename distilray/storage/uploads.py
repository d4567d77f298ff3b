"""Copies files and folders, such as a checkpoint, to a store and back, without holding them in memory."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from pathlib import Path

import pyarrow.fs as pafs

from distilray.storage.store import Store

CHUNK = 64 << 20
"""Bytes that are read and sent at once."""


def upload_file(store: Store, file: str | os.PathLike[str], target: str) -> None:
    """Copies the local ``file`` to ``target`` in ``store``, replacing an earlier one; on a local disk whole or not at
    all. On an object store an interrupted copy may leave a shorter file: record its size elsewhere when it is done."""
    final = store.full(target)
    if not store.local:
        pafs.copy_files(os.fspath(file), final, pafs.LocalFileSystem(), store.filesystem, chunk_size=CHUNK)
        return
    folder, name = os.path.split(final)
    os.makedirs(folder, exist_ok=True)
    arriving = os.path.join(folder, f".{name}.{uuid.uuid4().hex}")
    try:
        shutil.copyfile(file, arriving)
        with open(arriving, "rb") as copied:
            os.fsync(copied.fileno())
        os.replace(arriving, final)
    except BaseException:
        Path(arriving).unlink(missing_ok=True)
        raise


def move_file(store: Store, file: str | os.PathLike[str], target: str) -> None:
    """Like :func:`upload_file`, and the local ``file`` is gone afterwards; on the same disk nothing is copied."""
    final = store.full(target)
    if store.local:
        os.makedirs(os.path.dirname(final), exist_ok=True)
        with open(file, "rb") as written:
            os.fsync(written.fileno())
        try:
            os.rename(file, final)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:  # another disk
                raise
    upload_file(store, file, target)
    os.unlink(file)


def upload(store: Store, folder: str, target: str, *, last: str = "config.json") -> None:
    """Publishes the local ``folder`` at ``target`` in ``store``, whole; existing contents are replaced.

    On an object store the file named ``last`` is written at the end: without it there is no checkpoint.
    """
    store.delete_dir(target)
    if store.local:
        final = store.full(target)
        arriving = os.path.join(os.path.dirname(final), f".{os.path.basename(final)}-{uuid.uuid4().hex}")
        shutil.copytree(folder, arriving)
        os.rename(arriving, final)
        return
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path.name == last):
        upload_file(store, path, f"{target}/{path.relative_to(folder)}")


def download_folder(store: Store, folder: str, target: str) -> None:
    """Copies everything in ``folder`` of ``store`` to the local folder ``target``."""
    os.makedirs(target)
    pafs.copy_files(store.full(folder), target, store.filesystem, pafs.LocalFileSystem(), chunk_size=CHUNK)
