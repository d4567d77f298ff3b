"""The columns that a global step needs, projected by tasks from all units into a few scan files."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import ray

from distilray.ledger import UnitInput, kept_rows
from distilray.runner.tasks import RESERVED
from distilray.storage import REQUESTS_AT_ONCE, Store, read_parquet, scan_parquet, write_parquet

SCAN = "scan"
SCAN_BYTES = 64 << 20
READ_AHEAD = 2
"""Scan files that are read while DuckDB takes in the one before."""
KEY = "distilray.scan"


def first_units(sizes: Sequence[int], together: int, most: int = SCAN_BYTES) -> list[int]:
    """The first unit of each scan file; ``sizes``: of the units' files, in bytes. A scan file holds the columns of at
    most ``together`` units, and of about ``most`` bytes of files: all of it may be text."""
    firsts, held = [0], 0
    for number, size in enumerate(sizes):
        if number > firsts[-1] and (number - firsts[-1] == together or held + size > most):
            firsts.append(number)
            held = 0
        held += size
    return firsts


def scan_path(directory: str, number: int) -> str:
    return f"{directory}/{SCAN}/part-{number:05d}.parquet"


@ray.remote(**RESERVED)
def write_scan(
    store: Store,
    path: str,
    first: int,
    units: Sequence[UnitInput],
    columns: Sequence[str],
    sizes: Mapping[str, int],
) -> None:
    """Writes the kept rows' ``columns`` and the unit's number, from ``first``, to ``path``.

    ``sizes``: of the files in bytes, as far as they are known.
    """

    def scan(store: Store, path: str, wanted: set[str] | None) -> pa.Table:
        return scan_parquet(store, path, wanted, sizes.get(path))

    def read(number: int) -> pa.Table:
        table = kept_rows(store, units[number], columns, scan)
        return table.append_column("unit", pa.array([first + number] * table.num_rows, pa.int32()))

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        tables = list(pool.map(read, range(len(units))))
    write_parquet(store, path, pa.concat_tables(tables), KEY, {"first": first, "units": len(units)})


def scan_reader(store: Store, paths: Sequence[str]) -> pa.RecordBatchReader:
    """The rows of scan files, one after another, few in memory."""
    tables = _read_ahead(store, paths)
    first = next(tables)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from first.to_batches()
        for table in tables:
            yield from table.to_batches()

    return pa.RecordBatchReader.from_batches(first.schema, batches())


def _read_ahead(store: Store, paths: Sequence[str]) -> Iterator[pa.Table]:
    with ThreadPoolExecutor(READ_AHEAD) as pool:
        waiting: deque[Future[pa.Table]] = deque()
        for path in paths:
            waiting.append(pool.submit(read_parquet, store, path))
            if len(waiting) > READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
