"""A preview: a few rows through the steps up to a given one, in this process, with every request and reply.

Nothing is published: replies go to a temporary log, the rows to the caller.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from distilray.ledger import ReplyLog
from distilray.models import EnginePools, ModelError, PoolClient, Reply
from distilray.recipe import Problem, Recipe, StepEntry
from distilray.rows import Outcome, Row, failed
from distilray.runner import ModelAccess, NamedStep, RowUsage, cluster
from distilray.sources import list_files, rows_of
from distilray.steps import Step
from distilray.storage import Store

TRIED_AT_MOST = 10
"""Rows tried for each row to show, so that a preview stays cheap even if earlier steps keep few rows."""


@dataclass
class Asked:
    """One request of the previewed step, and the replies."""

    model: str
    messages: list[dict[str, str]]
    replies: list[Reply]


@dataclass
class PreviewedRow:
    """One row in the previewed step. ``outcome`` is that of the step at which it stopped, or of the previewed one."""

    row: Row
    stopped_at: str | None = None
    outcome: Outcome | None = None
    asked: list[Asked] = field(default_factory=list)


def preview(recipe: Recipe, step: str, rows: int) -> list[PreviewedRow]:
    """Usable rows of the sources through the row steps up to ``step``, until ``rows`` of them reached it.

    Rows that an earlier step stopped are included; at most ten times ``rows`` are tried. Earlier global steps are
    skipped: they need the whole set. Raises :class:`RecipeError` for an unknown step.
    """
    path = _steps_up_to(recipe, step)
    names = {name for entry in path for chosen in _models(entry) for name in chosen}
    known = recipe.all_models()
    models = {name: known[name] for name in sorted(names)}
    with cluster(recipe.resources), EnginePools("preview") as pools:
        handles = pools.start(models)
        return asyncio.run(_until_enough(recipe, handles, [entry.named for entry in path], rows))


def _steps_up_to(recipe: Recipe, step: str) -> list[StepEntry]:
    entries = recipe.all_steps()
    names = [entry.name for entry in entries]
    if step not in names:
        raise recipe.error([Problem(("steps",), f"no step {step!r}; there are {', '.join(names)}")])
    entry = entries[names.index(step)]
    if entry.is_global:
        text = f"{step!r} needs the whole set, so a few rows show nothing; run the recipe with --limit"
        raise recipe.error([Problem(entry.place, text)])
    return [entry for entry in entries[: names.index(step) + 1] if not entry.is_global]


def _models(entry: StepEntry) -> Iterator[set[str]]:
    assert isinstance(entry.named.step, Step)
    yield from entry.named.step.models_used().values()


def _usable_rows(recipe: Recipe) -> Iterator[Row]:
    files = ((source, file) for source in recipe.sources for file in list_files(source))
    values = chain.from_iterable(rows_of(source, file) for source, file in files)
    return (Row(row) for row in values if row.get("outcome") != "failed")


async def _until_enough(recipe: Recipe, handles: Any, steps: list[NamedStep], rows: int) -> list[PreviewedRow]:
    usable, shown = _usable_rows(recipe), list[PreviewedRow]()
    with tempfile.TemporaryDirectory(prefix="distilray-try-") as scratch:
        async with PoolClient(handles) as client:
            while missing := rows - sum(one.stopped_at is None for one in shown):
                sample = list(islice(usable, min(missing, TRIED_AT_MOST * rows - len(shown))))
                if not sample:
                    break
                work = [_one(recipe, client, Store(scratch), steps, row, k) for k, row in enumerate(sample, len(shown))]
                shown += await asyncio.gather(*work)
    return shown


async def _one(
    recipe: Recipe, client: PoolClient, scratch: Store, steps: list[NamedStep], row: Row, number: int
) -> PreviewedRow:
    log = ReplyLog(scratch, "try", str(number))
    shown = PreviewedRow(row)
    for named in steps:
        asked: list[Asked] = []
        desk = ModelAccess(
            client,
            recipe.all_models(),
            recipe.seed,
            watch=lambda model, messages, replies, asked=asked: asked.append(Asked(model, messages, replies)),
        )
        try:
            outcome = await named.step.process(row, desk.models_for(row, named.salt, log, RowUsage()))  # type: ignore[union-attr]
        except ModelError as error:
            outcome = failed(f"{type(error).__name__}: {error}")
        row = outcome.apply(row)
        last = named is steps[-1]
        if last or outcome.kind != "kept":
            shown = PreviewedRow(row, None if last else named.name, outcome, asked)
            break
    log.close()
    return shown
