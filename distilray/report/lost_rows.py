"""The rows that a finished run has lost: how many failed in which step, why, and the command that shows them.

5 of 6 rows failed in answer, most often: no reply within 60 s
  distilray rows runs/first answer --outcome failed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from distilray.errors import counted
from distilray.ledger import Manifest, list_stages
from distilray.recipe import Recipe
from distilray.sources import Source, SourceCount
from distilray.storage import Store

SOURCES = "sources"
CUT_SHOWN = 3


@dataclass(frozen=True)
class Loss:
    """Rows that failed in one step, or that one source could not give."""

    text: str
    command: str
    too_much: bool
    """More than the recipe allows: the source's ``lost_share``, or ``budget.failed_share``."""


def losses(store: Store, recipe: Recipe) -> list[Loss]:
    """What was lost on the way of the rows, in the order of the steps; empty if nothing was."""
    return [*_of_sources(store, recipe), *_of_steps(store, recipe.budget.failed_share)]


def _of_sources(store: Store, recipe: Recipe) -> Iterator[Loss]:
    manifest = Manifest.read(store, "steps/00-sources")
    known = manifest.details.get("sources", {}) if manifest else {}
    for source in recipe.sources:
        found: dict[str, Any] = known.get(source.name, {})
        count = SourceCount(**{name: found[name] for name in SourceCount.__dataclass_fields__ if name in found})
        if count.lost:
            yield _of_source(source, count, _command(store, SOURCES))


def _of_source(source: Source, count: SourceCount, command: str) -> Loss:
    of = count.rows + count.unread
    text = f"{count.lost:,} of {counted(of, 'row')} failed in sources, from {source.name}"
    for place in count.ended_early[:CUT_SHOWN]:
        text += f"; cannot be read to its end: {place}"
    if len(count.ended_early) > CUT_SHOWN:
        text += f"; and {counted(len(count.ended_early) - CUT_SHOWN, 'more file')}"
    too_much = count.too_much(source.lost_share)
    if too_much and count.ended_early:
        text += " (how much is missing is not known; lost_share: 1 allows that)"
    elif too_much:
        text += f" (more than its lost_share of {source.lost_share:g})"
    return Loss(text, command, too_much)


def _of_steps(store: Store, share: float) -> Iterator[Loss]:
    rows: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for stage in list_stages(store):
        if not stage.folder.startswith("steps/") or stage.manifest is None or stage.manifest.kind == SOURCES:
            continue
        for step in stage.manifest.steps:  # those of a repeat in each of its rounds
            rows[step.name] += step.rows_in + step.created
            failed[step.name] += step.failed
            why = {reason: n for reason, n in step.reasons.items() if reason.startswith("failed: ")}
            reasons.setdefault(step.name, Counter()).update(why)
    for name, n in failed.items():
        if n:
            most = reasons[name].most_common(1)
            why = f", most often: {most[0][0].removeprefix('failed: ')}" if most else ""
            text = f"{n:,} of {counted(rows[name], 'row')} failed in {name}{why}"
            yield Loss(text, _command(store, name), n > share * rows[name])


def _command(store: Store, step: str) -> str:
    return f"distilray rows {store.typed} {step} --outcome failed"
