"""The roster: which engines of a run's pools can be asked now, written by the driver and read by every client.

It lies in the key-value store of Ray's control service, so that it needs no process of its own, and a client that looks
for news once a second costs the cluster one small read.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_exists, _internal_kv_get, _internal_kv_put

from distilray.models.client.orphans import NAMESPACE


class Entry(msgspec.Struct, frozen=True):
    """One engine that can be asked, or is being started again."""

    actor: str
    """Name of its actor."""
    log: str
    log_begins: int


class Listing(msgspec.Struct, frozen=True):
    """What the roster says."""

    version: int
    engines: dict[str, dict[int, Entry]]
    """By model and number."""
    over: dict[str, str]
    """Models of which no engine is left and none will come, with the reason."""


@dataclass(frozen=True)
class Roster:
    """A roster by its name. Picklable."""

    name: str

    @classmethod
    def of(cls, run: str) -> Roster:
        """A new one, empty."""
        return cls(f"distilray/{run}/{uuid.uuid4().hex}")

    def read(self, seen: int = 0) -> Listing | None:
        """The newest listing; None where there is none newer than the version ``seen``. Blocks for a round trip."""
        version = _internal_kv_get(f"{self.name}/version", namespace=NAMESPACE)
        if version is None or int(version) <= seen:
            return None
        return msgspec.json.decode(_internal_kv_get(f"{self.name}/listing", namespace=NAMESPACE), type=Listing)

    def follow(self) -> None:
        """A client says that there are rows to work on."""
        _internal_kv_put(f"{self.name}/followed", b"1", namespace=NAMESPACE)

    def followed(self) -> bool:
        """Whether any client has said so."""
        return _internal_kv_exists(f"{self.name}/followed", namespace=NAMESPACE)

    def delete(self) -> None:
        for key in ("version", "listing", "followed"):
            _internal_kv_del(f"{self.name}/{key}", namespace=NAMESPACE)


class RosterWriter:
    """The driver's side of a roster."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self._lock = threading.Lock()
        self._last = Listing(0, {}, {})

    def write(self, engines: Mapping[str, Mapping[int, Entry]], over: Mapping[str, str]) -> None:
        """Tells clients of a change; does nothing where there is none."""
        with self._lock:
            now = Listing(self._last.version + 1, {model: dict(found) for model, found in engines.items()}, dict(over))
            if (now.engines, now.over) == (self._last.engines, self._last.over):
                return
            # The version last: whoever sees it finds a listing that is at least as new.
            _internal_kv_put(f"{self.roster.name}/listing", msgspec.json.encode(now), namespace=NAMESPACE)
            _internal_kv_put(f"{self.roster.name}/version", str(now.version), namespace=NAMESPACE)
            self._last = now
