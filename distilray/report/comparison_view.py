"""What `distilray compare` says: a table in the terminal, JSON, and Markdown for a model card.

gsm8k: student_before → student_after
  exact_match   41.2 % ± 1.3   55.0 % ± 1.4   +13.8 (95 % interval +11.0 to +16.6)
  1,319 questions: 301 gained, 119 lost; ...
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from distilray.errors import counted
from distilray.report.bars import Bar, Group, bars_svg
from distilray.report.score_text import NOTHING, difference_text, interval_text, scale_of, score_text

if TYPE_CHECKING:
    from distilray.evaluate import Comparison, Estimate, MetricChange

NAMED = 8
"""Questions that the terminal names of those that were lost."""


def comparison_record(one: Comparison) -> dict[str, Any]:
    """A comparison as JSON has it, with the questions that were lost and gained but without the answers."""
    metrics = {name: msgspec.to_builtins(change) for name, change in one.metrics.items()}
    for name, change in one.metrics.items():
        metrics[name]["difference"]["interval"] = change.difference.interval
        for estimate in ("first", "second", "difference"):
            if math.isnan(metrics[name][estimate]["value"]):
                metrics[name][estimate]["value"] = None
    fields = ("benchmark", "first", "second", "metric", "shared", "only_first", "only_second", "gained", "lost",
              "alike", "tokens", "truncated", "unparsed")  # fmt: skip
    return {
        **{name: getattr(one, name) for name in fields},
        "metrics": metrics,
        "lost_questions": [change.question for change in one.changes if change.gain < 0],
        "gained_questions": [change.question for change in one.changes if change.gain > 0],
    }


def render_comparisons(comparisons: Sequence[Comparison]) -> RenderableType:
    """Tables of metrics with their differences, and what changed."""
    parts: list[RenderableType] = []
    for one in comparisons:
        parts += [
            Text(f"{one.benchmark}: {one.first} → {one.second}", "bold"),
            _metrics(one),
            Text(_counts(one)),
            Text(),
        ]
    return Lines(*parts[:-1])


def _metrics(one: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for name, change in one.metrics.items():
        scale = scale_of(one.highest, change.first.value, change.second.value)
        paired = "" if change.paired else ", not paired"
        table.add_row(
            name,
            _shown(change.first, scale),
            _shown(change.second, scale),
            f"{difference_text(change.difference.value, scale)} "
            f"(95 % interval {interval_text(change.difference, scale)}{paired})",
        )
    return table


def _shown(estimate: Estimate, scale: float) -> str:
    return score_text(estimate.value, estimate.stderr, scale)


def _counts(one: Comparison) -> str:
    if not one.shared:
        return "  without samples: nothing is known of single questions"
    lines = f"  {counted(one.shared, 'question')} in common: {one.gained:,} gained, {one.lost:,} lost, "
    lines += f"{counted(one.alike, 'answer')} the same"
    for number, whose in ((one.only_first, one.first), (one.only_second, one.second)):
        lines += f"; {number:,} of {whose} alone" if number else ""
    lines += f"\n  tokens {_pair(one.tokens)}; truncated {_shares(one.truncated)}; unparsed {_shares(one.unparsed)}"
    named = [change.question for change in one.changes if change.gain < 0]
    if named:
        more = f" and {len(named) - NAMED:,} more" if len(named) > NAMED else ""
        lines += f"\n  lost: {', '.join(named[:NAMED])}{more}"
    return lines


def _pair(values: tuple[float | None, float | None]) -> str:
    return " → ".join(NOTHING if value is None else f"{value:,.0f}" for value in values)


def _shares(values: tuple[float, float]) -> str:
    return " → ".join(f"{value:.1%}" for value in values)


def comparisons_markdown(comparisons: Sequence[Comparison]) -> str:
    """A table for a model card; the main metric of each benchmark."""
    named = {(one.first, one.second) for one in comparisons}
    first, second = next(iter(named)) if len(named) == 1 else ("before", "after")
    rows = ["| benchmark | metric | questions | " + f"{_cell(first)} | {_cell(second)} | difference | 95 % interval |"]
    rows.append("|---|---|--:|--:|--:|--:|---|")
    for one in comparisons:
        change = one.metrics[one.metric]
        scale = scale_of(one.highest, change.first.value, change.second.value)
        cells = (
            _cell(one.benchmark),
            _cell(one.metric),
            f"{one.shared or min(change.first.n, change.second.n):,}",
            _shown(change.first, scale),
            _shown(change.second, scale),
            difference_text(change.difference.value, scale),
            interval_text(change.difference, scale),
        )
        rows.append(f"| {' | '.join(cells)} |")
    paired = all(one.metrics[one.metric].paired for one in comparisons)
    note = "Mean ± standard error; differences in points" + (", paired by question." if paired else ".")
    return "\n".join([*rows, "", note, ""])


def comparisons_svg(comparisons: Sequence[Comparison]) -> str:
    """The picture of the main metrics."""
    groups = []
    for one in comparisons:
        change = one.metrics[one.metric]
        scale = scale_of(one.highest, change.first.value, change.second.value)
        labels = (one.first, one.second) if one.first != one.second else (f"{one.first} (1)", f"{one.second} (2)")
        bars = [_bar(label, estimate, scale) for label, estimate in zip(labels, _both(change), strict=True)]
        groups.append(Group(f"{one.benchmark} ({one.metric})", scale, bars))
    return bars_svg(groups, "Scores of both models with their 95 % intervals")


def _both(change: MetricChange) -> tuple[Estimate, Estimate]:
    return change.first, change.second


def _bar(label: str, estimate: Estimate, scale: float) -> Bar:
    value = 0.0 if math.isnan(estimate.value) else estimate.value
    interval = None if math.isnan(estimate.value) else estimate.interval
    return Bar(label, value, interval, _shown(estimate, scale))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
