"""What changed from one model's answers to another's, as pages show it: the differing pairs, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distilray.evaluate import Change, Comparison, DiffPart, text_diff
from distilray.report.score_text import difference_text, interval_text, scale_of, score_text

ROOM_IN_REPORT = 250_000
"""Characters of all pairs together in a run's report."""
ROOM = 1_200_000
"""The same on a page of comparisons alone."""
PAIRS = 150
"""Most pairs of one comparison."""
LONG = 1_200
"""Characters of a question that are shown."""


@dataclass(frozen=True)
class Pair:
    """Two answers to a question; ``kind`` is lost, gained or reworded."""

    question: str
    kind: str
    input: str
    target: str
    scores: tuple[str, str]
    reasons: tuple[str, str]
    parts: list[DiffPart]


@dataclass(frozen=True)
class ShownComparison:
    """A comparison with its metrics as text (name, first, second, difference, interval) and as many pairs as there is
    room for."""

    comparison: Comparison
    metrics: list[tuple[str, str, str, str, str]]
    pairs: list[Pair]

    @property
    def left_out(self) -> int:
        return len(self.comparison.changes) - len(self.pairs)


def shown_comparisons(comparisons: Sequence[Comparison], room: int) -> list[ShownComparison]:
    """The comparisons with ``room`` characters for their pairs, shared evenly."""
    return [_shown(one, room // len(comparisons)) for one in comparisons]


def _shown(one: Comparison, room: int) -> ShownComparison:
    pairs: list[Pair] = []
    for change in _in_turn(one.changes)[:PAIRS]:
        pair = _pair(change, one.highest)
        room -= sum(len(part.text) for part in pair.parts) + len(pair.input) + len(pair.target) + LONG // 2
        if room < 0:
            break
        pairs.append(pair)
    order = ("lost", "gained", "reworded")
    pairs.sort(key=lambda pair: order.index(pair.kind))
    return ShownComparison(one, [_metric(one, name) for name in one.metrics], pairs)


def _in_turn(changes: Sequence[Change]) -> list[Change]:
    """Lost, gained and reworded ones in turn, so that where there is room for few there are some of each."""
    kinds: dict[str, list[Change]] = {"lost": [], "gained": [], "reworded": []}
    for change in changes:
        kinds[_kind(change)].append(change)
    longest = max(map(len, kinds.values()), default=0)
    return [own[k] for k in range(longest) for own in kinds.values() if k < len(own)]


def _kind(change: Change) -> str:
    return "lost" if change.gain < 0 else "gained" if change.gain > 0 else "reworded"


def _pair(change: Change, highest: float) -> Pair:
    first, second = change.first, change.second
    return Pair(
        question=change.question,
        kind=_kind(change),
        input=(first.input or second.input)[:LONG],
        target=(first.target or second.target)[:LONG],
        scores=(_score(first.score, highest), _score(second.score, highest)),
        reasons=(first.reason, second.reason),
        parts=text_diff(first.response, second.response),
    )


def _score(value: float | None, highest: float) -> str:
    return score_text(float("nan") if value is None else value, None, scale_of(highest, value or 0.0))


def _metric(one: Comparison, name: str) -> tuple[str, str, str, str, str]:
    change = one.metrics[name]
    scale = scale_of(one.highest, change.first.value, change.second.value)
    first, second = (score_text(each.value, each.stderr, scale) for each in (change.first, change.second))
    difference = change.difference
    return name, first, second, difference_text(difference.value, scale), interval_text(difference, scale)
