"""The folders of a run while its stages are listed: each is looked into once, those side by side at the same time.

An object store answers after tens of milliseconds, however little it is asked: one after another, the folders of a run
of ten stages would take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from distilray.ledger.manifest import MANIFEST, Manifest
from distilray.ledger.stage_folders import plain_folder, read_current
from distilray.storage import Store

LOOKS_AT_ONCE = 32


class Folders:
    """Names of files and manifests, as they were when a folder was first looked into."""

    def __init__(self, store: Store, pool: ThreadPoolExecutor) -> None:
        self._store, self._pool = store, pool
        self._names: dict[str, list[str]] = {}
        self._manifests: dict[str, Manifest | None] = {}
        self._current = pool.submit(read_current, store)

    def names(self, folder: str) -> list[str]:
        """As :meth:`Store.names`."""
        self.look_into([folder])
        return self._names[folder]

    def manifest(self, folder: str) -> Manifest | None:
        self.look_into([folder])
        return self._manifests[folder]

    def is_current(self, folder: str) -> bool:
        """Whether the stage in ``folder`` has the settings of the recipe as it is now."""
        plain = plain_folder(folder)
        return self._current.result().get(plain, plain) == folder

    def look_into(self, folders: Iterable[str]) -> None:
        """Looks into those that are not known yet, at once."""
        unknown = [folder for folder in folders if folder not in self._names]
        found = list(self._pool.map(self._look, unknown)) if len(unknown) > 1 else [self._look(one) for one in unknown]
        for folder, (names, manifest) in zip(unknown, found, strict=True):
            self._names[folder], self._manifests[folder] = names, manifest

    def _look(self, folder: str) -> tuple[list[str], Manifest | None]:
        names = self._store.names(folder)
        return names, Manifest.read(self._store, folder) if MANIFEST in names else None
