"""A run whose driver is killed (SIGKILL) once inside every stage, and started again each time.

A stage is being worked on from when its manifest is there until it is finished; a phase counts as entered once it has
published a unit or kept a reply, a training once it has written a checkpoint.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.killed import start, tail
from distilray.ledger import REPLIES, StageFiles, list_stages, list_trainings
from distilray.storage import Store

LOOKS_EVERY_S = 0.1
LONGEST_S = 4 * 3600


@dataclass(frozen=True)
class Kill:
    stage: str
    kind: str
    units: int
    """Published when the driver was killed."""
    of: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run_through_kills(recipe: Path, run: str, log: Path) -> tuple[list[Kill], int, float]:
    """Runs ``recipe`` in the empty directory ``run`` until a driver ends by itself. Returns the kills, how many units
    of phases that were there at a kill were written again, and the seconds of all drivers.

    Raises RuntimeError where a driver fails, and after four hours.
    """
    began, store = time.monotonic(), Store(run)
    kills: dict[str, Kill] = {}
    stamps: dict[str, float] = {}
    while True:
        driver, found = start(recipe, run, log), None
        try:
            while found is None and driver.poll() is None:
                if time.monotonic() - began > LONGEST_S:
                    raise RuntimeError(f"no end after {LONGEST_S / 3600:g} hours:\n{tail(log)}")
                time.sleep(LOOKS_EVERY_S)
                with suppress(FileNotFoundError):  # what is looked at may be deleted meanwhile
                    found = next((kill for kill in entered(store) if kill.stage not in kills), None)
        finally:
            driver.kill()
            code = driver.wait()
        if code == 0:
            there = written(store)
            again = sum(there.get(path) != when for path, when in stamps.items())
            return list(kills.values()), again, round(time.monotonic() - began, 1)
        if found is None:
            raise RuntimeError(f"the run ended with {code}:\n{tail(log)}")
        kills[found.stage] = found
        stamps = written(store) | stamps


def entered(store: Store) -> Iterator[Kill]:
    """The stages and trainings that are being worked on."""
    if not store.exists("steps"):
        return
    for stage in list_stages(store):
        if stage.manifest is not None and not stage.complete and _has_work(store, stage):
            of = len(stage.before) or len(stage.units)
            yield Kill(stage.folder, stage.manifest.kind, len(stage.units), of)
    for folder, manifest in list_trainings(store):
        if manifest.finished is None and (steps := store.names(f"{folder}/checkpoints")):
            yield Kill(folder, "training", len(steps), len(steps))


def _has_work(store: Store, stage: StageFiles) -> bool:
    assert stage.manifest is not None
    if stage.manifest.kind != "phase" or stage.units:
        return True
    return bool(store.files_below(f"{REPLIES}/{stage.folder}"))


def written(store: Store) -> dict[str, float]:
    """When each unit of the phases was written."""
    phases = [stage for stage in list_stages(store) if stage.manifest is not None and stage.manifest.kind == "phase"]
    paths = [path for stage in phases for path in stage.units.values()]
    return {path: os.path.getmtime(store.full(path)) for path in paths}
