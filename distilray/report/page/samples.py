"""Rows to look at: a bounded, repeatable sample of every step and outcome, with each row's history."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import pyarrow.compute as pc

from distilray.report.page.survey import ROWS_A_STRATUM, Candidate, Survey
from distilray.rows import CORE
from distilray.storage import Store, read_parquet

BYTES = 1_300_000
"""All samples together, as JSON in the page."""
LONG = 2_400
"""Characters of a text that are included."""
LONG_VALUE = 400
TEXTS = ("reference", "reasoning", "answer", "rejected_answer")

Shown = dict[str, Any]
"""A row for the browser: ``at``: [(index in the status's steps, outcome, reason)], ``id``, ``language``, ``task``,
``parent``, ``texts``: [(label, text, characters left out)], ``values``: {column: text}, ``history``."""


def sample_rows(store: Store, surveys: Sequence[Survey], steps: list[dict[str, Any]], pool: Executor) -> list[Shown]:
    """Rows of every step and outcome, in the order of the steps; rare reasons are not crowded out by common ones.

    What does not fit in :data:`BYTES` is left out evenly over steps and outcomes.
    """
    strata: list[list[Shown]] = []
    for survey in surveys:
        chosen = _chosen(survey)
        wanted = {candidate for rows in chosen for candidate in rows}
        places = {step["name"]: k for k, step in enumerate(steps) if step["stage"] == survey.stage.folder}
        read = dict(_read(store, survey, wanted, places, pool))
        strata += [[read[candidate.id] for candidate in rows if candidate.id in read] for rows in chosen]
    rank_of = [(rank, k) for k, rows in enumerate(strata) for rank in range(len(rows))]
    room, fitting = BYTES, []
    for rank, k in sorted(rank_of):
        room -= len(json.dumps(strata[k][rank], ensure_ascii=False).encode())
        if room < 0:
            break
        fitting.append((k, rank))
    return [strata[k][rank] for k, rank in sorted(fitting)]


def _chosen(survey: Survey) -> list[list[Candidate]]:
    """Rows for each step and outcome, taken from its reasons in turn."""
    by_outcome: dict[tuple[str, str], list[tuple[int, Candidate]]] = defaultdict(list)
    for stratum, rows in survey.candidates.items():
        by_outcome[stratum.step, stratum.outcome] += enumerate(sorted(rows))
    return [[candidate for _, candidate in sorted(rows)[:ROWS_A_STRATUM]] for rows in by_outcome.values()]


def _read(
    store: Store, survey: Survey, wanted: Iterable[Candidate], places: dict[str, int], pool: Executor
) -> Iterator[tuple[str, Shown]]:
    by_unit: dict[str, list[str]] = defaultdict(list)
    for candidate in wanted:
        by_unit[candidate.unit].append(candidate.id)

    def read(unit: str) -> list[dict[str, Any]]:
        rows = _rows(store, survey.stage.rows[unit], by_unit[unit])
        if survey.stage.rows[unit] == survey.stage.units[unit]:
            return rows
        decisions = {row["id"]: row for row in _rows(store, survey.stage.units[unit], by_unit[unit])}
        return [{**row, **decisions[row["id"]], "decided": True} for row in rows]

    for rows in pool.map(read, sorted(by_unit)):
        for row in rows:
            yield row["id"], _shown(row, places)


def _rows(store: Store, path: str, ids: list[str]) -> list[dict[str, Any]]:
    return read_parquet(store, path).filter(pc.field("id").isin(ids)).to_pylist()


def _shown(row: dict[str, Any], places: dict[str, int]) -> Shown:
    texts = [(message["role"], message["content"]) for message in row["messages"] or []]
    texts += [(name, row[name]) for name in TEXTS if row[name]]
    values: dict[str, str] = {}
    for name, value in row.items():
        if name in CORE.names or name == "decided" or value is None or _repeats(name, value, row):
            continue
        if isinstance(value, str) and len(value) > 60:
            texts.append((name, value))
        else:
            values[name] = _value(value)
    return {
        "at": _passes(row, places),
        "id": row["id"],
        "language": row["language"] or "",
        "task": row["task"] or "",
        "parent": row["parent"] or "",
        "texts": [(name, text[:LONG], max(0, len(text) - LONG)) for name, text in texts],
        "values": values,
        "history": [_entry(entry) for entry in row["history"] or []],
    }


def _entry(entry: dict[str, Any]) -> list[Any]:
    seconds, tokens = round(entry["seconds"] or 0, 2), entry["tokens_out"] or 0
    return [entry["step"], entry["outcome"], entry["reason"] or "", seconds, tokens]


def _passes(row: dict[str, Any], places: dict[str, int]) -> list[tuple[int, str, str]]:
    """The steps of this stage that the row went through, and with what outcome."""
    latest = {entry["step"]: entry for entry in row["history"] or []}
    passed = [
        (place, latest[step]["outcome"], latest[step]["reason"] or "")
        for step, place in places.items()
        if step in latest and "decided" not in row
    ]
    # Sources and global steps leave no entry in the history.
    return passed or [(place, row["outcome"] or "kept", row["reason"] or "") for place in places.values()]


def _repeats(name: str, value: Any, row: dict[str, Any]) -> bool:
    """Whether the value is a list of all answers with only one entry, which is shown already."""
    return isinstance(value, list) and name.endswith("s") and value in ([row.get(name[:-1])], [])


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONG_VALUE else f"{text[:LONG_VALUE]} …"
