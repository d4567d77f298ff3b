"""Demonstrations of a run's rows as rows of their own, on which a training with ``learn`` is then done like any other.

``training/NAME/demonstrations/unit-000000.parquet`` has a row for each demonstration: ``messages`` ask as the step
did, ``answer`` is the reply, ``parent`` the row that it is about, ``id`` ends with the prompt's name and a number. A
row of the run that has no demonstration, and a demonstration whose reply the prompt's parser would refuse, are there
too, rejected with the reason. Ray tasks write the units; the driver sees only counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import ray

from distilray.ledger import StepCounts, UnitCounts, UnitInput, kept_rows, read_unit_counts, write_unit
from distilray.rows import CORE, Row, child_id
from distilray.steps import Step
from distilray.storage import Store, read_parquet
from distilray.train import CannotTrain, LearnSettings, TrainSettings, columns_in

IN_FLIGHT = 8
COPIED = ("source", "language", "task")
NO_DEMONSTRATION, UNREADABLE = "nothing to learn from it", "its reply does not parse"


def prepare_demonstrations(
    store: Store, inputs: Sequence[UnitInput], settings: TrainSettings, step: Step, out: str
) -> tuple[list[UnitInput], StepCounts]:
    """Writes the demonstrations that ``step`` has about the kept rows of ``inputs`` into units below ``out``; those
    that exist already stay. Returns the units and their counts, over demonstrations and rows without one.

    Raises :class:`CannotTrain` where there is no demonstration.
    """
    learn = settings.demonstrations
    assert learn is not None
    units = [UnitInput(f"{out}/unit-{number:06d}.parquet") for number in range(len(inputs))]
    there = set(store.names(out))
    write, running = ray.remote(num_cpus=0.5, max_retries=3)(write_demonstrations), []
    for unit, made in zip(inputs, units, strict=True):
        if made.path.rpartition("/")[2] in there:
            continue
        if len(running) >= IN_FLIGHT:
            done, running = ray.wait(running, num_returns=1)
            ray.get(done)
        running.append(write.remote(store, unit, learn, settings.rows, step, made.path))
    ray.get(running)
    total = StepCounts("demonstrations")
    for unit in units:
        total.add(read_unit_counts(store, unit.path).steps[0])
    if not total.kept:
        why = ", ".join(f"{reason} ({n})" for reason, n in total.reasons.items()) or "no rows came in"
        raise CannotTrain(
            f"train {settings.name!r}: step {learn.step!r} has left no demonstration: {why}; it must have changed some "
            "of the rows that are kept to the end" + (f" by {', '.join(learn.prompts)}" if learn.prompts else "")
        )
    return units, total


def write_demonstrations(
    store: Store, unit: UnitInput, learn: LearnSettings, condition: str, step: Step, path: str
) -> None:
    """Writes the demonstrations about one unit's kept rows to ``path``, with the columns that ``condition`` may ask
    for."""
    table = kept_rows(store, unit)
    carried = [name for name in columns_in(condition, table.column_names) if name not in CORE.names]
    schema = pa.schema([*CORE, *(table.schema.field(name) for name in carried)])
    made = list(demonstrations_of(table.to_pylist(), _parents(store, unit, table), step, learn, carried))
    counts = StepCounts("demonstrations", rows_in=len(made))
    for row in made:
        counts.count(row["outcome"], row["reason"])
    write_unit(store, path, made, schema, UnitCounts(steps=[counts]))


def demonstrations_of(
    rows: Sequence[Mapping[str, Any]],
    parents: Mapping[str, Mapping[str, Any]],
    step: Step,
    learn: LearnSettings,
    carried: Sequence[str] = (),
) -> Iterator[dict[str, Any]]:
    """The demonstrations about ``rows``, as rows. The same conversation with the same reply is one demonstration: a
    row that a step made from another has its columns, too."""
    seen: set[str] = set()
    for values in rows:
        row = Row(values)
        parent = parents.get(row["parent"] or "")
        own = {name: values.get(name) for name in (*COPIED, *carried)} | {"parent": row.id}
        numbers: Counter[str] = Counter()
        for demonstration in step.demonstrations(row, Row(parent) if parent else None):
            name = demonstration.prompt.name
            messages = demonstration.messages()
            key = repr((messages, demonstration.reply))
            if (learn.prompts and name not in learn.prompts) or key in seen:
                continue
            seen.add(key)
            refused = demonstration.objection() is not None
            yield own | {
                "id": child_id(row.id, name, numbers[name]),
                "messages": messages,
                "answer": demonstration.reply,
                "outcome": "rejected" if refused else "kept",
                "reason": UNREADABLE if refused else None,
            }
            numbers[name] += 1
        if not numbers:
            yield own | {"id": row.id, "parent": row["parent"], "outcome": "rejected", "reason": NO_DEMONSTRATION}


def _parents(store: Store, unit: UnitInput, rows: pa.Table) -> dict[str, dict[str, Any]]:
    """The rows of the unit's file, kept or not, from which others of its rows were made."""
    wanted = {parent for parent in rows["parent"].to_pylist() if parent is not None}
    if not wanted:
        return {}
    return {row["id"]: row for row in read_parquet(store, unit.path).to_pylist() if row["id"] in wanted}
