"""What is known of the parts of sources that have been read: the records that tasks have left, by the parts' keys.

A record is trusted as long as it lies in the store. So it goes before a unit that it names is written anew or deleted,
and a kill in between costs reading a part again, never a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from distilray.runner.file_parts import PARTS, PartRecord, records_name
from distilray.storage import Store

READS_AT_ONCE = 16


class PartRecords:
    """The records below ``directory``, which is read once; a file holds those that one task has left."""

    def __init__(self, store: Store, directory: str) -> None:
        self._store, self._directory = store, f"{directory}/{PARTS}"
        names = store.names(self._directory)
        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            self._files = dict(zip(names, pool.map(self._read, names), strict=True))
        self._places = {record.key: name for name, records in self._files.items() for record in records}
        times = Counter(record.key for records in self._files.values() for record in records)
        self.forget([key for key, number in times.items() if number > 1])  # which of them is true is not known

    def get(self, key: str) -> PartRecord | None:
        place = self._places.get(key)
        return None if place is None else next(one for one in self._files[place] if one.key == key)

    def add(self, records: Sequence[PartRecord]) -> None:
        """Those that a task has just left."""
        name = records_name(records)
        self._files[name] = list(records)
        self._places.update((record.key, name) for record in records)

    def forget(self, keys: Iterable[str]) -> None:
        """Takes the records of ``keys`` out of the store; those not known are passed over."""
        gone = set(keys)
        names = {name for name, records in list(self._files.items()) if any(one.key in gone for one in records)}
        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            list(pool.map(lambda name: self._leave(name, gone), sorted(names)))

    def keep_only(self, keys: Collection[str]) -> None:
        self.forget([key for key in self._places if key not in keys])

    def _leave(self, name: str, gone: Collection[str]) -> None:
        """The file ``name`` without the records of ``gone``."""
        before = self._files.pop(name)
        left = [record for record in before if record.key not in gone]
        for record in before:
            self._places.pop(record.key, None)
        if left:
            self._store.write_json(f"{self._directory}/{records_name(left)}", left)
            self.add(left)
        self._store.delete(f"{self._directory}/{name}")

    def _read(self, name: str) -> list[PartRecord]:
        return msgspec.json.decode(self._store.read(f"{self._directory}/{name}"), type=list[PartRecord])
