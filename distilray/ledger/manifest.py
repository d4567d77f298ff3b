"""Manifests: one per stage, with its inputs and its results.

A stage is a folder of the run: ``steps/00-sources``, a phase, a global step, a training, an evaluation. Its
manifest is written when it starts (so that the folder's contents are known to belong to it) and again when
it is finished. The *fingerprint* hashes everything that determines a stage's result: settings, prompts, models and
the fingerprints of its inputs. So a changed step invalidates only itself and what follows.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from distilray.ledger.counts import StepCounts, UnitCounts, add_numbers, add_steps, add_usage
from distilray.storage import Store

MANIFEST = "manifest.json"
SET_ASIDE = "set-aside"

Kind = Literal["sources", "phase", "global", "training", "evaluation"]


class Manifest(msgspec.Struct, kw_only=True):
    name: str
    kind: Kind
    fingerprint: str
    inputs: list[str] = []
    """Stages that this one reads, as paths in the run; its rows come from those that the last of them
    kept."""
    units: int = 0
    steps: list[StepCounts] = []
    models: dict[str, dict[str, float]] = {}
    runners: dict[str, int] = {}
    """Runner to the number of rows that it read."""
    engines: dict[str, int] = {}
    """Engine to the number of its replies."""
    seconds: float = 0.0
    """Wall-clock time over all sessions that worked on the stage."""
    versions: dict[str, str] = {}
    started: str | None = None
    finished: str | None = None
    """ISO 8601, UTC; ``None`` as long as the stage is not complete."""
    details: dict[str, Any] = {}
    """What only this kind has: metrics of a training, results of an evaluation."""

    def add(self, unit: UnitCounts) -> None:
        """Adds a published unit to the counts."""
        self.units += 1
        add_steps(self.steps, unit.steps)
        add_usage(self.models, unit.models)
        add_numbers(self.engines, unit.engines)
        if unit.runner and unit.steps:
            add_numbers(self.runners, {unit.runner: unit.steps[0].rows_in})

    def write(self, store: Store, folder: str) -> None:
        store.write_json(f"{folder}/{MANIFEST}", self)

    @classmethod
    def read(cls, store: Store, folder: str) -> Manifest | None:
        """The manifest of the stage in ``folder``, ``None`` where it has not begun."""
        try:
            return msgspec.json.decode(store.read(f"{folder}/{MANIFEST}"), type=cls)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise ValueError(
                f"{store.shown}/{folder}/{MANIFEST} is not a manifest ({error}); it was modified outside distilray"
            ) from error


def fingerprint(parts: Any) -> str:
    """A hash (16 hex digits) of ``parts``: JSON-like values; the order of keys does not matter."""
    canonical = msgspec.json.encode(parts, order="sorted")
    return hashlib.blake2b(canonical, digest_size=8).hexdigest()


def now() -> str:
    """The time in the manifests' format: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def open_stage(store: Store, folder: str, wanted: Manifest) -> tuple[Manifest, str | None]:
    """The manifest to use in ``folder``, and where an older stage was set aside (``None`` if there was
    none).

    An existing stage is resumed if its fingerprint is the wanted one. Any other is moved to
    ``set-aside/<folder>-<fingerprint>``, on object stores too: replies that were paid for are never deleted.
    """
    found = Manifest.read(store, folder)
    if found and found.fingerprint == wanted.fingerprint:
        return found, None
    aside = None
    if store.names(folder):
        version = found.fingerprint if found else "unknown"
        aside = _free_name(store, f"{folder.replace('/', '-')}-{version}")
        store.move_dir(folder, aside, last=MANIFEST)
    opened = msgspec.structs.replace(wanted, started=now(), finished=None)
    opened.write(store, folder)
    return opened, aside


def _free_name(store: Store, name: str) -> str:
    taken = set(store.names(SET_ASIDE))
    names = [name, *(f"{name}-{k}" for k in range(2, len(taken) + 3))]
    return f"{SET_ASIDE}/{next(candidate for candidate in names if candidate not in taken)}"
