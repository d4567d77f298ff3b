"""How many rows of each task and language stay, and how many new ones are wanted.

cells = {("math", "en"): 900, ("math", "zh"): 100, ("writing", "en"): 50}
quotas(1000, {"math": 0.8, "writing": 0.2}, ("en", "zh"))
# {("math", "en"): 400, ("math", "zh"): 400, ("writing", "en"): 100, ("writing", "zh"): 100}
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
Cell = tuple[str, str]
"""Task and language."""


def apportioned(total: int, weights: Mapping[K, float]) -> dict[K, int]:
    """``total`` in whole numbers in proportion to ``weights``, by largest remainders, of equal ones the first."""
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    exact = {key: total * weight / whole for key, weight in weights.items()}
    given = {key: floor(share) for key, share in exact.items()}
    for key in sorted(exact, key=lambda key: given[key] - exact[key])[: total - sum(given.values())]:
        given[key] += 1
    return given


def quotas(total: int, shares: Mapping[str, float], languages: Sequence[str]) -> dict[Cell, int]:
    """The cells' parts of ``total`` rows; every task is shared out evenly over ``languages``."""
    cells = {(task, language): share / len(languages) for task, share in shares.items() for language in languages}
    return apportioned(total, cells)


def scarcest(total: int, shares: Mapping[str, float], rows: Mapping[str, int]) -> tuple[dict[str, float], int]:
    """The shares of the tasks that have rows, and the most rows, up to ``total``, in which all of them hold."""
    there = {task: share for task, share in shares.items() if share and rows.get(task)}
    whole = sum(there.values())
    return there, min([total, *(floor(rows[task] * whole / share) for task, share in there.items())])


def evened(kept: Mapping[Cell, int], gap: float) -> dict[Cell, int]:
    """``kept`` with every language cut to at most ``1 + gap`` times the smallest, in all its tasks alike."""
    totals = in_languages(kept)
    most = floor(min(totals.values()) * (1 + gap))
    cut = dict(kept)
    for language, rows in totals.items():
        if rows > most:
            cut |= apportioned(most, {cell: number for cell, number in kept.items() if cell[1] == language})
    return cut


def in_languages(cells: Mapping[Cell, int]) -> dict[str, int]:
    """The rows of each language."""
    return _totals((language, rows) for (_, language), rows in cells.items())


def in_tasks(cells: Mapping[Cell, int]) -> dict[str, int]:
    """The rows of each task."""
    return _totals((task, rows) for (task, _), rows in cells.items())


def _totals(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for name, rows in counted:
        totals[name] = totals.get(name, 0) + rows
    return totals


@dataclass(frozen=True)
class Wanted:
    """New rows that are to be made from the rows of a cell."""

    expand: int = 0
    """In their own language."""
    localize: int = 0
    """In another, one for each of as many rows."""


def wanted(
    kept: Mapping[Cell, int], targets: Mapping[Cell, int], most_each: int, most: int | None
) -> dict[Cell, Wanted]:
    """What the rows of each cell are to be made into, so that the cells reach ``targets``.

    What a language lacks against the fullest one of the same task is localized from there; the rest grows out of the
    cell's own rows, at most ``most_each`` from each. ``most`` is the most of all.
    """
    expand: dict[Cell, int] = {}
    localize: dict[Cell, int] = {}
    for task in dict.fromkeys(task for task, _ in targets):
        cells = [cell for cell in targets if cell[0] == task]
        fullest = max(cells, key=lambda cell: kept.get(cell, 0))
        left = kept.get(fullest, 0)
        for cell in sorted(cells, key=lambda cell: kept.get(cell, 0)):
            there = kept.get(cell, 0)
            lacking = max(0, targets[cell] - there)
            taken = min(lacking, kept.get(fullest, 0) - there, left)
            left -= taken
            localize[fullest] = localize.get(fullest, 0) + taken
            expand[cell] = min(lacking - taken, most_each * there)
    asked = {("expand", cell): rows for cell, rows in expand.items()}
    asked |= {("localize", cell): rows for cell, rows in localize.items()}
    if most is not None and sum(asked.values()) > most:
        asked = apportioned(most, asked)
    return {cell: Wanted(asked.get(("expand", cell), 0), asked.get(("localize", cell), 0)) for cell in targets}


def languages_apart(cells: Mapping[Cell, int], languages: Iterable[str]) -> float:
    """How far the largest language is ahead of the smallest, as a share of the smallest."""
    totals = in_languages(cells)
    counts = [totals.get(language, 0) for language in languages]
    return max(counts) / min(counts) - 1 if min(counts) else float("inf")
