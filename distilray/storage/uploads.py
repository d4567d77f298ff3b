"""Uploads a local folder, such as a checkpoint, to a store."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from distilray.storage.store import Store


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
        store.write(f"{target}/{path.relative_to(folder)}", path.read_bytes())
