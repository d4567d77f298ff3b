"""The flow of rows through the steps as a stream: as wide as there are rows, with a branch where some leave.

One band per step, drawn in a box of 1000 x 100 that the page stretches; bands of neighbouring steps meet, so that
the stream runs down the page at any width. Where rows do not simply continue (a repeat's next round takes rows
back in) the stream restarts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

STEPS_FOLDER = "steps/"
FULL = 800.0
"""Width of the widest band; the rest is room for the branches."""
BEND = 30.0
"""Height at which rows leave the stream."""
THREAD = 2.5
"""Least width of a branch, so that a single row can still be seen."""
_ROUND = re.compile(r"/round-(\d+)/")


@dataclass(frozen=True)
class Branch:
    kind: str
    rows: int
    path: str
    reasons: list[tuple[str, int]]


@dataclass(frozen=True)
class Band:
    """One step. ``stream`` and ``joining`` are SVG paths; ``numbers`` is the step's entry in ``status``."""

    label: str
    numbers: dict[str, Any]
    stream: str
    joining: str
    branches: list[Branch]
    afresh: bool
    """Whether these rows differ from those that the step before kept."""


def flow(steps: list[dict[str, Any]]) -> list[Band]:
    """A band for each entry of ``status(store)["steps"]``."""
    widest = max((step["rows_in"] + step["created"] for step in steps), default=0) or 1
    before = None
    bands = []
    for step in steps:
        bands.append(_band(step, FULL / widest, afresh=before is not None and before != step["rows_in"]))
        before = step["kept"]
    return bands


def label(step: dict[str, Any]) -> str:
    """The step's name, with the round if it is in a repeat."""
    number = _ROUND.search(step["stage"] + "/")
    return f"{step['name']} ({number[1]})" if number else step["name"]


def _band(step: dict[str, Any], scale: float, afresh: bool) -> Band:
    entering, kept = step["rows_in"] * scale, step["kept"] * scale
    total = entering + step["created"] * scale
    joining = ""
    if step["created"]:
        joining = f"M{_n(entering)},0 L{_n(total)},{BEND:g} L{_n(entering)},{BEND:g} Z"
    branches, at = [], kept
    for kind, end, thickness in (("rejected", 62.0, 26.0), ("failed", 44.0, 12.0)):
        if step[kind]:
            width = step[kind] * scale
            branches.append(_branch(step, kind, at, width, end, max(THREAD, thickness * width / FULL)))
            at += width
    trunk = f"M0,0 H{_n(entering)} V{BEND:g} H{_n(kept)} V100 H0 Z"
    return Band(label(step), step, trunk, joining, branches, afresh)


def _branch(step: dict[str, Any], kind: str, left: float, width: float, end: float, thickness: float) -> Branch:
    """A branch that leaves downwards at ``left`` and runs out to the right at height ``end``."""
    right = left + max(width, THREAD)
    path = (
        f"M{_n(left)},{BEND:g} H{_n(right)} C{_n(right)},{end:g} {_n(right + 20)},{end:g} {_n(right + 120)},{end:g} "
        f"H1000 V{_n(end + thickness)} H{_n(right + 60)} C{_n(left)},{_n(end + thickness)} {_n(left)},{BEND + 12:g} "
        f"{_n(left)},{BEND:g} Z"
    )
    mine = [(reason.removeprefix(f"{kind}: "), n) for reason, n in step["reasons"].items() if reason.startswith(kind)]
    return Branch(kind, step[kind], path, sorted(mine, key=lambda item: -item[1]))


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
