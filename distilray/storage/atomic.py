"""Writing a file whole or not at all, on any filesystem.

On a local disk by a rename, on an object store by one put of a complete buffer (a stream opened on the final name
would be published half-written when an exception closes it), elsewhere by a move on the same filesystem; on Azure too,
where pyarrow makes an empty file first.
"""

from __future__ import annotations

import os
import uuid

import pyarrow as pa
import pyarrow.fs as pafs

OBJECT_STORES = {"s3", "gcs"}
"""Types of filesystems whose files appear whole when they are closed, and not before."""


def put(
    filesystem: pafs.FileSystem,
    path: str,
    data: bytes | bytearray | memoryview | pa.Buffer,
    *,
    durable: bool = True,
) -> None:
    """Publishes ``data`` at ``path``, whole or not at all, replacing any earlier file; creates missing local folders.

    ``durable`` makes a local disk store the bytes before the name appears (fsync): without it a power cut, though not
    a killed process, can leave a published file empty. Files that are worthless after a power cut do without.
    """
    buffer = pa.py_buffer(data)  # before anything is opened: data that is not a buffer must not publish an empty object
    while isinstance(filesystem, pafs.SubTreeFileSystem):
        path, filesystem = f"{filesystem.base_path.rstrip('/')}/{path}", filesystem.base_fs
    if isinstance(filesystem, pafs.LocalFileSystem):
        _put_local(path, buffer, durable)
        return
    target = path if filesystem.type_name in OBJECT_STORES else _arriving(path)
    with filesystem.open_output_stream(target, compression=None) as stream:
        stream.write(buffer)
    if target != path:
        move(filesystem, target, path)


def move(filesystem: pafs.FileSystem, path: str, target: str) -> None:
    """Renames a file, whose new name appears with its whole content; replaces an earlier one."""
    try:
        filesystem.move(path, target)
    except NotImplementedError:  # Azure without a hierarchical namespace
        filesystem.copy_file(path, target)
        filesystem.delete_file(path)


def _arriving(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.partial" if folder else f".{name}.partial"


def _put_local(path: str, data: pa.Buffer, durable: bool) -> None:
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex}")
    try:
        file = open(temporary, "wb", buffering=0)  # noqa: SIM115  (a missing folder is made, and only then)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        file = open(temporary, "wb", buffering=0)  # noqa: SIM115
    try:
        with file:
            rest = memoryview(data).cast("B")
            while rest:
                rest = rest[file.write(rest) :]
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
