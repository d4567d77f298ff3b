"""Columns of many stored files, with as few requests as can be: two for a file of an object store whose size is known.

    sizes = file_sizes(store, {"steps/01-answer"})
    scan_parquet(store, "steps/01-answer/unit-000000.parquet", ["id", "accuracy"], sizes.get(path))

One listing tells the sizes of a thousand files; without it each is asked for, and each column is a request of its own.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from distilray.storage.parquet import read_parquet
from distilray.storage.store import Store

REQUESTS_AT_ONCE = 32
"""Of one process to an object store."""
HOLE = 1 << 20
"""Bytes between two columns that are read with them, since another request takes longer."""


def file_sizes(store: Store, folders: Collection[str]) -> dict[str, int]:
    """The size in bytes of each file in ``folders``, by its path."""
    found: dict[str, int] = {}
    for folder in sorted(folders):
        selector = pafs.FileSelector(store.full(folder), allow_not_found=True)
        for info in store.tried(folder, lambda selector=selector: store.filesystem.get_file_info(selector)):
            if info.is_file:
                found[f"{folder}/{info.base_name}"] = info.size
    return found


def scan_parquet(store: Store, path: str, columns: Collection[str] | None = None, size: int | None = None) -> pa.Table:
    """As :func:`~distilray.storage.parquet.read_parquet`; ``size``: of the file, in bytes, if it is known."""
    if size is None:
        return read_parquet(store, path, columns)
    if pa.io_thread_count() < REQUESTS_AT_ONCE:
        pa.set_io_thread_count(REQUESTS_AT_ONCE)

    def read() -> pa.Table:
        try:
            return _columns(store, path, columns, size)
        except OSError as error:  # whether it is there was not asked before
            if store.filesystem.get_file_info(store.full(path)).type == pafs.FileType.NotFound:
                raise FileNotFoundError(f"{store.shown}/{path} is not there") from error
            raise

    return store.tried(path, read)


def _columns(store: Store, path: str, columns: Collection[str] | None, size: int) -> pa.Table:
    together = pa.CacheOptions(hole_size_limit=HOLE)
    options = ds.ParquetFragmentScanOptions(pre_buffer=True, cache_options=together)
    form = ds.ParquetFileFormat(default_fragment_scan_options=options)
    fragment = form.make_fragment(store.full(path), store.filesystem, file_size=size)
    names = fragment.physical_schema.names
    chosen = names if columns is None else [name for name in names if name in columns]
    return fragment.to_table(columns=chosen, use_threads=False)
