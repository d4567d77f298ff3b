"""Commit records: what a stage's units came to, many units in a file, so that nobody reads their footers one by one.

    steps/01-answer+judge/records/4f2a91-09bc33d1-0000.json      # of one runner, written again as its units end
    [["unit-00-0000-000007", {"steps": [{"name": "answer", "rows_in": 256, "kept": 256, ...}], ...}, 1764260000.1], ...]

A unit is done when its file is there, which one listing of the stage tells for all of them. Its record saves reading
the file's footer: a kill may swallow the records of the last five seconds, and then these few footers are read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from distilray.ledger.counts import UnitCounts
from distilray.ledger.unit import read_unit_counts
from distilray.storage import Store

RECORDS = "records"
RECORD_EVERY_S = 5.0
"""How long a runner may gather units that ended before it writes their record."""
UNITS_PER_RECORD = 500
READS_AT_ONCE = 32


class UnitRecord(msgspec.Struct, array_like=True):
    unit: str
    counts: UnitCounts
    at: float
    """Seconds since the epoch. Of a unit that two runners published, the later record holds."""


class RecordWriter:
    """Records the units that one runner publishes in the stage ``folder``. Thread-safe."""

    def __init__(self, store: Store, folder: str, runner: str) -> None:
        self._store = store
        self._path = f"{folder}/{RECORDS}/{runner}"
        self._changing, self._writing = threading.Lock(), threading.Lock()
        self._waiting: list[UnitRecord] = []
        self._written: list[UnitRecord] = []
        """What the current file holds."""
        self._number = 0

    def add(self, unit: str, counts: UnitCounts) -> None:
        """``unit`` is published; the next :meth:`flush` records it."""
        with self._changing:
            self._waiting.append(UnitRecord(unit, counts, time.time()))

    def flush(self) -> list[str]:
        """Records what was added since the last time; returns the names of these units.

        Raises :class:`OSError` where that fails; the next call tries again.
        """
        with self._writing:
            with self._changing:
                new, self._waiting = self._waiting, []
            if not new:
                return []
            records = [*self._written, *new]
            try:
                self._store.write(f"{self._path}-{self._number:04d}.json", msgspec.json.encode(records))
            except OSError:
                with self._changing:
                    self._waiting = new + self._waiting
                raise
            self._written = records
            if len(records) >= UNITS_PER_RECORD:
                self._written, self._number = [], self._number + 1
            return [record.unit for record in new]


def read_counts(store: Store, folder: str, units: Mapping[str, str]) -> dict[str, UnitCounts]:
    """What the published ``units`` (name to path) of the stage ``folder`` came to, in their order: from its records,
    and from the footers of those that have none."""
    if not units:
        return {}
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        recorded = _read_records(store, f"{folder}/{RECORDS}", pool)
        others = [name for name in units if name not in recorded]
        footers = pool.map(lambda name: read_unit_counts(store, units[name]), others)
        counts = {name: record.counts for name, record in recorded.items()} | dict(zip(others, footers, strict=True))
    return {name: counts[name] for name in units}


def _read_records(store: Store, folder: str, pool: ThreadPoolExecutor) -> dict[str, UnitRecord]:
    found: dict[str, UnitRecord] = {}
    for records in pool.map(lambda name: _read(store, f"{folder}/{name}"), store.names(folder)):
        for record in records:
            if record.unit not in found or found[record.unit].at <= record.at:
                found[record.unit] = record
    return found


def _read(store: Store, path: str) -> list[UnitRecord]:
    try:
        return msgspec.json.decode(store.read(path), type=list[UnitRecord])
    except msgspec.MsgspecError as error:
        raise ValueError(
            f"{store.shown}/{path} is no record of units ({error}); delete it: their files hold the same counts"
        ) from error
