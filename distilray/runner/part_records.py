"""The records of what has been read of sources: a part that has one is not read again.

A record names the units that were written. It is valid as long as its key is that of the part (see
:func:`~distilray.runner.file_parts.part_key`), whatever became of the run or of other files in the meantime. Units of
a label are written again, or deleted, only when no record speaks of them any more: a kill leaves none that is wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from distilray.ledger import StepCounts
from distilray.storage import REQUESTS_AT_ONCE, Store

PARTS = "parts"


class PartRecord(msgspec.Struct):
    """What has been read of a part, or of all of it."""

    key: str
    label: str
    """The beginning of the names of its units."""
    units: list[str]
    steps: StepCounts
    read: dict[str, Any]
    """As :meth:`~distilray.sources.SourceCount.to_json`."""
    columns: list[str]
    """Those that some row has."""
    most: int | None = None
    """Rows at which it was cut off; None: it was read to its end."""

    @property
    def rows(self) -> int:
        return self.steps.rows_in


def write_records(store: Store, directory: str, name: str, records: Sequence[PartRecord]) -> None:
    store.write_json(f"{directory}/{PARTS}/{name}", records)


class PartRecords:
    """All records of a stage. Thread-safe."""

    def __init__(self, store: Store, directory: str) -> None:
        self._store, self._directory = store, directory
        self._changing = threading.Lock()
        names = store.names(f"{directory}/{PARTS}")
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            self._files: dict[str, Sequence[PartRecord]] = dict(zip(names, pool.map(self._read, names), strict=True))
        self._by_label = {record.label: record for records in self._files.values() for record in records}

    def _read(self, name: str) -> list[PartRecord]:
        return msgspec.json.decode(self._store.read(f"{self._directory}/{PARTS}/{name}"), type=list[PartRecord])

    def get(self, label: str, key: str) -> PartRecord | None:
        """The record of the part with this label, if its key is ``key``."""
        found = self._by_label.get(label)
        return found if found is not None and found.key == key else None

    def add(self, name: str, records: Sequence[PartRecord]) -> None:
        """A task has written ``records`` to the file ``name``."""
        with self._changing:
            self._files[name] = records
            self._by_label.update((record.label, record) for record in records)

    def forget(self, labels: Collection[str]) -> None:
        """Removes the records of parts with these labels, whose units are about to be written again or deleted."""
        with self._changing:
            gone = self._by_label.keys() & set(labels)
            for name, records in [*self._files.items()] if gone else ():
                left = [record for record in records if record.label not in gone]
                if len(left) == len(records):
                    continue
                if left:
                    write_records(self._store, self._directory, name, left)
                    self._files[name] = left
                else:
                    self._store.delete(f"{self._directory}/{PARTS}/{name}")
                    del self._files[name]
            for label in gone:
                del self._by_label[label]

    def keep(self, labels: Collection[str]) -> None:
        """Removes the records of all parts but those with these labels."""
        self.forget(self._by_label.keys() - set(labels))
