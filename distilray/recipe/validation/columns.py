"""Columns: a source or an earlier step must write what steps and trainings read."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from distilray.recipe.errors import Problem, closest
from distilray.recipe.repeats import RepeatEntry
from distilray.recipe.schema import Sections
from distilray.recipe.steps import StepEntry
from distilray.recipe.trainings import TrainEntry
from distilray.recipe.validation.demonstrations import demonstration_problems
from distilray.rows import CORE, schema_with
from distilray.steps import STEPS, GlobalStep
from distilray.train import CannotTrain, check_condition

ALWAYS = {"id", "source", "content_hash", "language", "task", "messages", "history", "extra", "parent"}
"""Core columns that every row has; the others (answer, reference, reasoning, ...) depend on the source."""

_MAKERS = {
    "answer": "an `answer` step",
    "reasoning": "a `separate_trace` step, or a teacher that reasons before it answers",
    "label": "`keep: {label: bool}` to the source that calls answers good or bad, or a step that writes it",
    "rejected_answer": "a `preference_pairs` or `cognitive_pairs` step, or a source of preferences",
}


def column_problems(recipe: Sections, filled: set[str] | None) -> list[Problem]:
    """Steps that read a column that no source and no earlier step writes.

    ``filled``: core columns that some row of the sources has; ``None`` if no source has been read yet (then any core
    column may come from a source).
    """
    known = set(CORE.names) if filled is None else ALWAYS | filled
    for source in recipe.sources:
        known |= set(source.columns_written())
    written = [source.columns_written() for source in recipe.sources]
    written += [entry.named.step.columns_written() for entry in recipe.all_steps()]
    columns = schema_with({name: kind for columns in written for name, kind in columns.items()})
    problems: list[Problem] = []
    for entry in [*recipe.steps, *recipe.train]:
        repeat = entry if isinstance(entry, RepeatEntry) else None
        if repeat:
            problems += _target_problems(repeat, columns)
        for inner in entry.body if isinstance(entry, RepeatEntry) else [entry]:
            if isinstance(inner, TrainEntry):
                problems += _training_problems(inner, known, columns)
                problems += demonstration_problems(recipe, inner)
            else:
                problems += _step_problems(recipe, inner, known, repeat)
                known |= set(inner.named.step.columns_written())
    return problems


def _target_problems(repeat: RepeatEntry, columns: pa.Schema) -> Iterator[Problem]:
    """Columns of ``until.mean`` that nothing writes, or that have no mean."""
    for name in repeat.settings.until.mean:
        here = (*repeat.place, "until", "mean", name)
        if name not in columns.names:
            yield Problem(here, f"no source and no step writes the column {name!r}{closest(name, columns.names)}")
            continue
        kind = columns.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            yield Problem(here, f"the column {name!r} holds {kind}, which has no mean; name a column of numbers")


def _step_problems(
    recipe: Sections, entry: StepEntry, known: set[str], repeat: RepeatEntry | None
) -> Iterator[Problem]:
    """Columns that ``entry`` reads and nothing writes before it; ``repeat`` is the one that it belongs to."""
    step, here = entry.named.step, (*entry.place, entry.settings_key)
    missing = step.columns_read() - known
    if isinstance(step, GlobalStep):
        steps = [inner for inner in repeat.body if isinstance(inner, StepEntry)] if repeat else []
        coming = {column for inner in steps for column in inner.named.step.columns_written()}
        missing |= step.columns_awaited() - known - coming
        for setting, numbers in step.per_round().items():
            if repeat is None:
                text = "has a number for each round, but the step is not in a repeat; give one number"
                yield Problem((*here, setting), text)
            elif len(numbers) > repeat.settings.rounds:
                text = f"has {len(numbers)} numbers for {repeat.settings.rounds} rounds; the rest would not be used"
                yield Problem((*here, setting), text)
    for column in sorted(missing):
        writers = _writers(recipe, column)
        hint = f"; {writers} writes it, so move that step before this one" if writers else closest(column, known)
        text = f"step {entry.name!r} reads the column {column!r}, which no source and no earlier step writes{hint}"
        yield Problem(here, text)


def _training_problems(entry: TrainEntry, known: set[str], columns: pa.Schema) -> Iterator[Problem]:
    demonstrations = entry.settings.demonstrations is not None  # which bring their own columns
    for column in () if demonstrations else entry.method.needed(entry.settings):
        if column not in known:
            step = _MAKERS.get(column) or f"a step that writes it{closest(column, known)}"
            text = f"trains on the column {column!r}, which no source and no step writes; add {step}"
            yield Problem(entry.place, text)
    try:
        check_condition(entry.settings.rows, columns)
    except CannotTrain as error:
        yield Problem((*entry.place, "rows"), str(error))


def _writers(recipe: Sections, column: str) -> str:
    names = [entry.name for entry in recipe.all_steps() if column in entry.named.step.columns_written()]
    names += [name for name, cls in STEPS.items() if column in cls.writes and name not in names]
    return " or ".join(repr(name) for name in names)
