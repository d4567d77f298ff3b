"""The files of a run's stages, in the order in which rows pass them, and which file each unit came from.

steps/00-sources/unit-*.parquet                     sources, and benchmarks/<name>/ likewise
steps/01-answer+judge/unit-*.parquet                a phase, and evaluations/<model>/<benchmark>/ likewise
steps/02-select/decisions/unit-*.parquet            a global step
steps/02-select-5d0e21c3a1f4b7c9/decisions/...       the same after its settings were changed
steps/03-align/round-1/01-rate/unit-*.parquet       a stage in a round of a repeat
steps/03-align/round-1/carry_over/unit-*.parquet   which rows of round 1 enter round 2
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from distilray.ledger.folders import LOOKS_AT_ONCE, Folders
from distilray.ledger.manifest import Manifest
from distilray.storage import Store

DECISIONS = "decisions"
CARRY_OVER = "carry_over"
_ROUND = re.compile(r"round-(\d+)$")
_LATER = re.compile(r"-r\d+$")

Units = dict[str, str]
"""Unit name to the path of the file that says which of its rows continue."""


@dataclass(frozen=True)
class StageFiles:
    """The files of one stage of the run."""

    folder: str
    manifest: Manifest | None
    units: Units
    before: Units = field(default_factory=dict)
    """What the stage reads: the names of its units to the files that the previous stage left."""
    rows: Units = field(default_factory=dict)
    """Where the rows of its units lie: the units themselves, or what its decisions are about."""

    @property
    def name(self) -> str:
        return self.manifest.name if self.manifest else self.folder.rpartition("/")[2]

    @property
    def complete(self) -> bool:
        return self.manifest is not None and self.manifest.finished is not None

    @property
    def missing(self) -> list[str]:
        """Names of the units that the stage should have but does not (yet)."""
        return [name for name in self.before if name not in self.units]


def list_stages(store: Store) -> list[StageFiles]:
    """All stages that have begun: those of the recipe's steps, then those of each benchmark and its evaluations."""
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        folders = Folders(store, pool)
        folders.look_into(["steps", "benchmarks", "evaluations"])
        decided: dict[str, str] = {}
        stages = list(_stages_below(folders, "steps", {}, decided))
        benchmarks, models = folders.names("benchmarks"), folders.names("evaluations")
        folders.look_into([f"benchmarks/{name}" for name in benchmarks])
        folders.look_into([f"evaluations/{model}/{name}" for model in models for name in benchmarks])
        for benchmark in benchmarks:
            questions = _stage(folders, f"benchmarks/{benchmark}", {}, decided)
            stages.append(questions)
            for model in models:
                answered = _stage(folders, f"evaluations/{model}/{benchmark}", questions.units, decided)
                if answered.manifest or answered.units:
                    stages.append(answered)
    return stages


def list_trainings(store: Store) -> list[tuple[str, Manifest]]:
    """Folder and manifest of each training that has begun, each round of one in a repeat, in the order of beginning."""
    folders = [f"training/{name}" for name in store.names("training")]
    read = [(folder, Manifest.read(store, folder)) for folder in folders]
    found = [(folder, manifest) for folder, manifest in read if manifest is not None]
    return sorted(found, key=lambda item: (item[1].started or "", item[0]))


def _stages_below(folders: Folders, folder: str, units: Units, decided: dict[str, str]) -> Iterator[StageFiles]:
    """The stages below ``folder`` in order, fed with ``units``; ``decided`` leads from decisions to their rows."""
    names = [name for name in folders.names(folder) if folders.is_current(f"{folder}/{name}")]
    folders.look_into([f"{folder}/{name}" for name in names])
    for name in names:
        if _is_repeat(folders, f"{folder}/{name}"):
            units = yield from _repeat(folders, f"{folder}/{name}", units, decided)
        elif name != CARRY_OVER:
            stage = _stage(folders, f"{folder}/{name}", units, decided)
            yield stage
            units = stage.units


def _is_repeat(folders: Folders, folder: str) -> bool:
    return any(_ROUND.match(name) for name in folders.names(folder))


def _repeat(folders: Folders, folder: str, units: Units, decided: dict[str, str]) -> Generator[StageFiles, None, Units]:
    """The stages of all rounds. Returns what may leave: each round's own units, and the last round's as they are."""
    left: Units = {}
    last: Units = units
    for number in sorted(int(found[1]) for name in folders.names(folder) if (found := _ROUND.match(name))):
        inside = f"{folder}/round-{number}"
        for stage in _stages_below(folders, inside, units, decided):
            yield stage
            last = stage.units
        left |= {f"{name}-r{number}": path for name, path in last.items()}
        carried = _parquet(folders, f"{inside}/{CARRY_OVER}")
        decided |= {path: decided.get(units[name], units[name]) for name, path in carried.items()}
        units = carried or last
    return {**last, **left}


def _stage(folders: Folders, folder: str, units: Units, decided: dict[str, str]) -> StageFiles:
    names = folders.names(folder)
    own = _parquet(folders, f"{folder}/{DECISIONS}") if DECISIONS in names else _units(folder, names)
    later = any(_LATER.search(name) for name in own)
    before = {name: path for name, path in units.items() if bool(_LATER.search(name)) == later}
    if DECISIONS in names:
        decided |= {own[name]: decided.get(path, path) for name, path in before.items() if name in own}
    manifest = folders.manifest(folder)
    return StageFiles(folder, manifest, own, before, {name: decided.get(path, path) for name, path in own.items()})


def _parquet(folders: Folders, folder: str) -> Units:
    return _units(folder, folders.names(folder))


def _units(folder: str, names: list[str]) -> Units:
    return {name.removesuffix(".parquet"): f"{folder}/{name}" for name in names if name.endswith(".parquet")}
