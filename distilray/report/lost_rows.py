"""The rows that a finished run has lost: how many failed in which step, why, and the command that shows them.

5 of 6 rows failed in answer, most often: no reply within 60 s
  distilray rows runs/first answer --outcome failed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distilray.errors import counted
from distilray.ledger import Manifest, list_stages, list_trainings
from distilray.recipe import Recipe
from distilray.report.rows_view import step_name
from distilray.sources import Source, SourceCount
from distilray.storage import Store
from distilray.train import read_tokens

SOURCES, FIRST = "sources", "steps/00-sources"
CUT_SHOWN = 3


@dataclass(frozen=True)
class Loss:
    """Rows that failed in one step, or that one source could not give."""

    text: str
    command: str
    too_much: bool
    """More than the recipe allows: the source's ``lost_share``, or ``budget.failed_share``."""


def losses(store: Store, recipe: Recipe) -> list[Loss]:
    """What was lost on the way of the rows: in sources, steps and benchmarks, then in trainings, which could not render
    some. Empty if nothing was."""
    return [*_of_sources(store, recipe), *_of_steps(store, recipe.budget.failed_share), *_of_trainings(store)]


def _of_sources(store: Store, recipe: Recipe) -> Iterator[Loss]:
    manifest = Manifest.read(store, FIRST)
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
        if stage.manifest is None or stage.folder == FIRST:
            continue
        for step in stage.manifest.steps:  # those of a repeat in each of its rounds
            name = step_name(stage.folder, step.name)
            rows[name] += step.rows_in + step.created
            failed[name] += step.failed
            reasons.setdefault(name, Counter()).update(step.reasons)
    for name, n in failed.items():
        if n:
            yield Loss(_text(n, rows[name], name, reasons[name]), _command(store, name), n > share * rows[name])


def _of_trainings(store: Store) -> Iterator[Loss]:
    for folder, _ in list_trainings(store):
        if store.exists(f"{folder}/tokens/manifest.json"):
            counts = read_tokens(store, f"{folder}/tokens").counts
            if counts.failed:
                text = _text(counts.failed, counts.rows_in, folder, counts.reasons)
                yield Loss(text, _command(store, folder), too_much=False)


def _text(failed: int, rows: int, name: str, reasons: Mapping[str, int]) -> str:
    why = Counter({reason: n for reason, n in reasons.items() if reason.startswith("failed: ")}).most_common(1)
    most = f", most often: {why[0][0].removeprefix('failed: ')}" if why else ""
    return f"{failed:,} of {counted(rows, 'row')} failed in {name}{most}"


def _command(store: Store, step: str) -> str:
    return f"distilray rows {store.typed} {step} --outcome failed"
