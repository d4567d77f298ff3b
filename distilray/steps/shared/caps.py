"""Which rows are one too many: every phrase may be in no more than a share of the rows that stay.

Rows come in a fixed order; each stays unless one of its phrases is in enough rows already. Since the share is of what
stays, the rows are gone through again until the limits no longer change: a few times, fewer rows stay each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import floor

MOST_PASSES = 20
CHUNK = 2048

Rows = Callable[[], Iterable[tuple[int, Sequence[int]]]]
"""Every row that has phrases, with these, most frequent first; the same rows each time it is called."""


@dataclass(frozen=True)
class Phrase:
    group: str
    """Its language: the rows of which its share is taken."""
    rows: int
    """Rows of that language before any leaves."""


def capped(phrases: Sequence[Phrase], share: float, rows: Rows) -> Iterator[list[tuple[int, int]]]:
    """The rows that are one too many, each with the most frequent of the phrases that are in enough others."""
    totals = {phrase.group: phrase.rows for phrase in phrases}
    limits = {group: floor(total * share) for group, total in totals.items()}
    for _ in range(MOST_PASSES):
        gone = Counter(phrases[phrase].group for _, phrase in _beyond(phrases, limits, rows))
        lower = {group: floor((total - gone[group]) * share) for group, total in totals.items()}
        if lower == limits:
            break
        limits = lower
    some: list[tuple[int, int]] = []
    for found in _beyond(phrases, limits, rows):
        some.append(found)
        if len(some) == CHUNK:
            yield some
            some = []
    if some:
        yield some


def _beyond(phrases: Sequence[Phrase], limits: dict[str, int], rows: Rows) -> Iterator[tuple[int, int]]:
    used = [0] * len(phrases)
    for n, held in rows():
        over = next((phrase for phrase in held if used[phrase] >= limits[phrases[phrase].group]), None)
        if over is not None:
            yield n, over
            continue
        for phrase in held:
            used[phrase] += 1
