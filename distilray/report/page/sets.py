"""What steps over the whole set changed: shares before and after, and what of benchmarks was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from distilray.ledger import StageFiles

ANY = "–"


@dataclass(frozen=True)
class Line:
    """``name`` and what it is; rows and their share of all, before and after."""

    name: str
    what: str
    before: int
    after: int
    share_before: float
    share_after: float
    target: int | None = None
    wanted: int | None = None
    """New rows that were asked for."""
    ours: bool = False
    """Whether it is text of distilray's own prompts."""


@dataclass(frozen=True)
class Change:
    """One table: the ``cells`` or ``lengths`` of a balance, or the ``phrases`` of a search for boilerplate."""

    stage: str
    kind: Literal["cells", "lengths", "phrases"]
    lines: list[Line]


@dataclass(frozen=True)
class Held:
    """A benchmark that rows were compared with, and how many rows held a question of it."""

    stage: str
    benchmark: str
    questions: int
    rows: int


def _summaries(stages: Iterable[StageFiles], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for stage in stages:
        summary = stage.manifest.details.get("summary", {}) if stage.manifest else {}
        if summary.get("kind") == kind:
            yield stage.name, summary


def changes(stages: Iterable[StageFiles]) -> list[Change]:
    """In the order of the run; balances first."""
    stages = list(stages)
    found = []
    for stage, summary in _summaries(stages, "balance"):
        found.append(Change(stage, "cells", list(_lines(summary["cells"], _cell_name))))
        found.append(Change(stage, "lengths", list(_lines(summary["lengths"], _length_name))))
    for stage, summary in _summaries(stages, "boilerplate"):
        found.append(Change(stage, "phrases", [_phrase(phrase) for phrase in summary["phrases"]]))
    return [change for change in found if change.lines]


def held(stages: Iterable[StageFiles]) -> list[Held]:
    return [
        Held(stage, one["benchmark"], one["questions"], one["rows"])
        for stage, summary in _summaries(stages, "contamination")
        for one in summary["benchmarks"]
    ]


def _lines(counted: list[dict[str, Any]], name: Any) -> Iterator[Line]:
    before, after = (max(1, sum(one[when] for one in counted)) for when in ("before", "after"))
    for one in counted:
        wanted = one.get("to_expand", 0) + one.get("to_localize", 0)
        kind, language = name(one)
        yield Line(
            kind,
            language,
            one["before"],
            one["after"],
            one["before"] / before,
            one["after"] / after,
            target=one.get("target"),
            wanted=wanted or None,
        )


def _cell_name(cell: dict[str, Any]) -> tuple[str, str]:
    return cell["task"] or ANY, cell["language"] or ANY


def _length_name(length: dict[str, Any]) -> tuple[str, str]:
    return (f"{length['from']:,} – {2 * length['from'] - 1:,}" if length["from"] > 1 else "0 – 1"), ""


def _phrase(phrase: dict[str, Any]) -> Line:
    rows = phrase["before"], phrase["after"], phrase["share_before"], phrase["share_after"]
    what = f"{phrase['kind']} · {phrase['language']}"
    return Line(phrase["text"] or ANY, what, *rows, ours=phrase["ours"])
