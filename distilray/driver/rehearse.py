"""A rehearsal: a few rows through the steps up to one, in this process, all that is asked and answered shown.

Nothing is published: replies go to a log that is thrown away, the rows to whoever looks.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from distilray.ledger import ReplyLog, Store
from distilray.models import EnginePools, ModelError, PoolClient, Reply
from distilray.recipe import Loaded, Place, Problem, RecipeError, StepEntry
from distilray.rows import Outcome, Row, failed, list_files, rows_of
from distilray.runner import Desk, NamedStep, Tally, cluster
from distilray.steps import Step


@dataclass
class Asked:
    """One request of the rehearsed step, and what came back."""

    model: str
    messages: list[dict[str, str]]
    replies: list[Reply]


@dataclass
class Rehearsed:
    """One row in the rehearsed step; ``outcome`` is None where an earlier step already ended its way."""

    row: Row
    stopped_at: str | None = None
    outcome: Outcome | None = None
    asked: list[Asked] = field(default_factory=list)


def rehearse(loaded: Loaded, step: str, rows: int) -> list[Rehearsed]:
    """The first ``rows`` usable rows of the sources through the row steps up to ``step``.

    Global steps before it are passed over: they need the whole set. Raises :class:`RecipeError` for an unknown step.
    """
    path = _steps_up_to(loaded, step)
    names = {name for entry in path for chosen in _models(entry) for name in chosen}
    known = loaded.models()
    models = {name: known[name] for name in sorted(names)}
    sample = list(islice(_usable_rows(loaded), rows))
    with cluster(loaded.recipe.resources), EnginePools("rehearsal") as pools:
        handles = pools.start(models)
        return asyncio.run(_all(loaded, handles, [entry.named for entry in path], sample))


def _steps_up_to(loaded: Loaded, step: str) -> list[StepEntry]:
    entries = loaded.steps()
    names = [entry.name for entry in entries]
    if step not in names:
        raise RecipeError(loaded.origin, [Problem(("steps",), f"no step {step!r}; there are {', '.join(names)}")])
    entry = entries[names.index(step)]
    if entry.is_global:
        place: Place = entry.place
        text = f"{step!r} sees the whole set, so a few rows show nothing; run the recipe with --limit"
        raise RecipeError(loaded.origin, [Problem(place, text)])
    return [entry for entry in entries[: names.index(step) + 1] if not entry.is_global]


def _models(entry: StepEntry) -> Iterator[set[str]]:
    assert isinstance(entry.named.step, Step)
    yield from entry.named.step.models_used().values()


def _usable_rows(loaded: Loaded) -> Iterator[Row]:
    files = ((source, file) for source in loaded.recipe.sources for file in list_files(source))
    values = chain.from_iterable(rows_of(source, file) for source, file in files)
    return (Row(row) for row in values if row.get("outcome") != "failed")


async def _all(loaded: Loaded, handles: Any, steps: list[NamedStep], sample: list[Row]) -> list[Rehearsed]:
    with tempfile.TemporaryDirectory(prefix="distilray-try-") as scratch:
        async with PoolClient(handles) as client:
            work = [_one(loaded, client, Store(scratch), steps, row, k) for k, row in enumerate(sample)]
            return list(await asyncio.gather(*work))


async def _one(
    loaded: Loaded, client: PoolClient, scratch: Store, steps: list[NamedStep], row: Row, number: int
) -> Rehearsed:
    log = ReplyLog(scratch, "try", str(number))
    shown = Rehearsed(row)
    for named in steps:
        asked: list[Asked] = []
        desk = Desk(
            client,
            loaded.models(),
            loaded.recipe.seed,
            watch=lambda model, messages, replies, asked=asked: asked.append(Asked(model, messages, replies)),
        )
        try:
            outcome = await named.step.process(row, desk.models_for(row, named.name, log, Tally()))  # type: ignore[union-attr]
        except ModelError as error:
            outcome = failed(f"{type(error).__name__}: {error}")
        row = outcome.apply(row)
        last = named is steps[-1]
        if last or outcome.kind != "kept":
            shown = Rehearsed(row, None if last else named.name, outcome, asked)
            break
    log.close()
    return shown
