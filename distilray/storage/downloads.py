"""Checkpoints on another filesystem (``s3://...``): copied once to a folder of this node.

The copy's name is a hash of the address and of the listing of its files, so that a rewritten checkpoint is copied
again; it appears under its name only when complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pyarrow.fs as pafs

from distilray.storage.addresses import resolve


def download(uri: str) -> str:
    """The local folder with the files of the checkpoint at ``uri`` (any pyarrow filesystem).

    Raises :class:`FileNotFoundError` if there is none.
    """
    system, base = resolve(uri)
    infos = [info for info in system.get_file_info(pafs.FileSelector(base)) if info.is_file]
    listing = [f"{info.base_name}\0{info.size}\0{info.mtime_ns}" for info in sorted(infos, key=lambda i: i.path)]
    name = hashlib.blake2b("\0".join([uri.partition("?")[0], *listing]).encode(), digest_size=12).hexdigest()
    root = Path(os.environ.get("DISTILRAY_CACHE") or Path(tempfile.gettempdir()) / f"distilray-cache-{os.getuid()}")
    final = root / "checkpoints" / name
    if not final.is_dir():
        arriving = final.with_name(f".{name}-{uuid.uuid4().hex}")
        arriving.mkdir(parents=True)
        for info in infos:
            pafs.copy_files(info.path, str(arriving / info.base_name), system, pafs.LocalFileSystem())
        try:
            arriving.rename(final)
        except OSError:  # another process on this node was faster with the same files
            shutil.rmtree(arriving)
    return str(final)
