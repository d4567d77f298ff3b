"""A run's stages one after another: phases and global steps, trainings among them, and repeats in rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from distilray.driver.residents import Models, Residents, asked_by
from distilray.driver.trainings import Trainings
from distilray.ledger import (
    Manifest,
    StepCounts,
    UnitCounts,
    UnitInput,
    choose_folder,
    kept_rows,
    plain_folder,
    write_unit,
)
from distilray.models import ModelSettings
from distilray.planning import BodyStage, RepeatStage, Stage, TrainingStage
from distilray.runner import RESERVED, Context, GlobalStage, Phase, Tasks, in_groups, run_global, run_phase
from distilray.storage import REQUESTS_AT_ONCE, Store

Units = list[tuple[str, UnitInput]]


def run_stages(
    context: Context,
    stages: Sequence[Stage],
    units: Units,
    trainings: Trainings,
    on_stage: Callable[[str, str], None] = lambda *_: None,
    residents: Residents | None = None,
    after: Sequence[Models] = (),
) -> Units:
    """Passes ``units`` through ``stages``; finished stages are not repeated. Returns the units that the last one
    keeps.

    ``on_stage`` is called with (name, "started" | "done") around each stage. ``residents``: the run's engines, and
    ``after``: the models that are asked after the stages; by default each phase starts engines of its own.
    """
    return StageRunner(trainings, on_stage, residents).through(context, stages, units, after)


@dataclass
class StageRunner:
    trainings: Trainings
    on_stage: Callable[[str, str], None]
    residents: Residents | None = None
    learned: dict[str, ModelSettings] = field(default_factory=dict)
    """Students of the trainings so far, by the name that phases use for them."""

    def through(self, context: Context, stages: Sequence[Stage], units: Units, after: Sequence[Models]) -> Units:
        """``after``: the models that are asked after ``stages``."""
        for k, stage in enumerate(stages, 1):
            name = plain_folder(stage.directory).removeprefix("steps/")
            self.on_stage(name, "started")
            recipe = self.trainings.recipe
            ahead = [*(_asked(models, self.learned) for models in asked_by(stages[k:], recipe)), *after]
            if self.residents is not None:
                self.residents.ahead = ahead
            if isinstance(stage, Phase | GlobalStage):
                stage = replace(stage, directory=choose_folder(context.store, stage.directory, stage.fingerprint))
            match stage:
                case Phase():
                    phase = replace(stage, models=_asked(stage.models, self.learned))
                    if self.residents is not None:
                        [phase] = self.residents.filled([phase])
                    units = run_phase(context, phase, units, self.residents and self.residents.for_phases([phase]))
                case GlobalStage():
                    if self.residents is not None:
                        self.residents.for_global_step()
                    units = run_global(context, stage, units)
                case TrainingStage():
                    self.learned[stage.model] = self.trainings.among(stage, units)
                case RepeatStage():
                    units = self._rounds(context, stage, units, ahead)
            if self.residents is not None:
                self.residents.release_unused()
            self.on_stage(name, "done")
        return units

    def _rounds(self, context: Context, repeat: RepeatStage, units: Units, after: Sequence[Models]) -> Units:
        """Rounds until the target, a stall, nothing left, or the last. A round's sampling seeds are its own."""
        again = asked_by(repeat.body, self.trainings.recipe)
        done: Units = []
        rows_before: int | None = None
        for number in range(1, repeat.rounds + 1):
            body = repeat.in_round(number)
            in_round = replace(context, seed=context.seed + 1_000_003 * (number - 1))
            left = self.through(in_round, body, units, [*(again if number < repeat.rounds else ()), *after])
            rows = _rows_kept(context.store, body)
            if repeat.carry_over == "kept":
                done, units, total = left, left, rows
                grown = abs(rows - rows_before) / max(rows_before, 1) if rows_before is not None else None
            else:
                done = [*done, *((f"{name}-r{number}", unit) for name, unit in left)]
                total = rows + (rows_before or 0)
                grown = rows / max(total, 1)
            rows_before = total
            if repeat.until_rows is not None and total >= repeat.until_rows:
                break
            if repeat.until_mean and _reached(context.store, repeat.until_mean, left):
                break
            if repeat.stall is not None and number > 1 and grown is not None and grown <= repeat.stall:
                break
            if repeat.carry_over == "rejected" and number < repeat.rounds:
                units, waiting = _carry_over(context, repeat, number, units, left)
                if not waiting:
                    break
        return done


def _asked(models: Models, learned: Models) -> Models:
    """``models`` with the students of earlier trainings in place of the untrained ones."""
    return {name: learned.get(name, model) for name, model in models.items()}


def _rows_kept(store: Store, body: Sequence[BodyStage]) -> int:
    """Rows that the last stage of a round, trainings aside, has kept."""
    last = [stage for stage in body if not isinstance(stage, TrainingStage)][-1]
    manifest = Manifest.read(store, choose_folder(store, last.directory, last.fingerprint))
    assert manifest is not None
    return manifest.steps[-1].kept


def _reached(store: Store, wanted: Mapping[str, float], units: Units) -> bool:
    """Whether the mean of every column over the kept rows has been reached; rows without a value do not count."""
    with Tasks() as tasks:
        calls = [(store, [unit for _, unit in group], list(wanted)) for group in in_groups(units)]
        found = [sums for group in tasks.map(_sums, calls) for sums in group]
    for column, mean in wanted.items():
        total, count = (sum(part) for part in zip(*(sums[column] for sums in found), strict=True))
        if not count or total / count < mean:
            return False
    return True


@ray.remote(**RESERVED)
def _sums(store: Store, units: Sequence[UnitInput], columns: list[str]) -> list[dict[str, tuple[float, int]]]:
    """For each unit, of each column over its kept rows: the sum, and how many rows have a value."""

    def sums(unit: UnitInput) -> dict[str, tuple[float, int]]:
        table = kept_rows(store, unit, columns)
        values = {name: [float(value) for value in table[name].to_pylist() if value is not None] for name in columns}
        return {name: (sum(some), len(some)) for name, some in values.items()}

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return list(pool.map(sums, units))


def _carry_over(context: Context, repeat: RepeatStage, number: int, entered: Units, left: Units) -> tuple[Units, int]:
    """The rows that this round rejected, as they entered it, and how many they are.

    Decision files on the round's own input name them: rows that were kept or failed do not enter the next round.
    """
    folder = f"{repeat.directory}/round-{number}/carry_over"
    pairs = [(name, unit, after) for (name, unit), (_, after) in zip(entered, left, strict=True)]
    with Tasks() as tasks:
        waiting = sum(tasks.map(_decide_carry_over, [(context.store, folder, group) for group in in_groups(pairs)]))
    carried = [(name, UnitInput(unit.path, (*unit.decisions, f"{folder}/{name}.parquet"))) for name, unit, _ in pairs]
    return carried, waiting


@ray.remote(**RESERVED)
def _decide_carry_over(store: Store, folder: str, units: Sequence[tuple[str, UnitInput, UnitInput]]) -> int:
    """For each unit (name, as it entered, as it left) writes which rows are carried over; returns how many are."""
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return sum(pool.map(lambda unit: _carry_over_one(store, f"{folder}/{unit[0]}.parquet", *unit[1:]), units))


def _carry_over_one(store: Store, path: str, entered: UnitInput, left: UnitInput) -> int:
    ids = kept_rows(store, entered, ["id"])["id"].to_pylist()
    done = set(kept_rows(store, left, ["id"])["id"].to_pylist())
    failed = _failed_ids(store, left.path)
    schema = pa.schema([("id", pa.string()), ("outcome", pa.string()), ("reason", pa.string())])
    rows = [
        {
            "id": i,
            "outcome": "rejected" if i in done or i in failed else "kept",
            "reason": "done in an earlier round",
        }
        for i in ids
    ]
    counts = StepCounts("carry_over", rows_in=len(rows))
    for row in rows:
        counts.count(row["outcome"], row["reason"])
    write_unit(store, path, rows, schema, UnitCounts(steps=[counts]))
    return counts.kept


def _failed_ids(store: Store, path: str) -> set[str]:
    with store.open_input(path) as file:
        table = pq.read_table(file, columns=["id", "outcome"])
    return {
        i
        for i, outcome in zip(table["id"].to_pylist(), table["outcome"].to_pylist(), strict=True)
        if outcome == "failed"
    }
