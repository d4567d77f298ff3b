"""A picture of results: a bar for each model on each benchmark with its 95 % interval, as one SVG without any script.

It stands in pages, and as a file of its own in a model card. Each benchmark has its own scale, from 0 to its highest
value.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LABEL, VALUE = 720, 190, 150
"""Of the picture, of the names on the left and of the numbers on the right; in pixels, as all lengths here."""
BAR, GAP, HEAD, BETWEEN = 16, 6, 26, 16
COLOURS = ("#a9b4b8", "#1f6d72", "#c98a2b", "#6a5a9e", "#ab3128", "#4d7f3a")
WHISKER = 3


class Bar(NamedTuple):
    """A model's value with its interval; None: there is none."""

    label: str
    value: float
    interval: tuple[float, float] | None
    shown: str
    """The value as text."""


class Group(NamedTuple):
    """One benchmark."""

    title: str
    highest: float
    bars: Sequence[Bar]


def bars_svg(groups: Sequence[Group], title: str) -> str:
    """The picture; ``title`` is what a screen reader says of it."""
    names = list(dict.fromkeys(bar.label for group in groups for bar in group.bars))
    parts: list[str] = []
    top = 0.0
    for group in groups:
        parts.append(_text(0, top + 16, group.title, weight=600))
        top += HEAD
        for bar in group.bars:
            parts += _bar(top, bar, group.highest, COLOURS[names.index(bar.label) % len(COLOURS)])
            top += BAR + GAP
        top += BETWEEN
    height = max(top - BETWEEN, 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'role="img" color="#3a4247" font-family="system-ui, sans-serif" font-size="13"><title>{escape(title)}</title>'
        f"{''.join(parts)}</svg>"
    )


def _bar(top: float, bar: Bar, highest: float, colour: str) -> list[str]:
    room = WIDTH - LABEL - VALUE

    def at(value: float) -> float:
        return LABEL + room * min(max(value / highest, 0.0), 1.0)

    middle = top + BAR / 2
    parts = [
        _text(LABEL - 10, middle + 4.5, bar.label, anchor="end"),
        _rectangle(LABEL, top, room, "currentColor", opacity=0.08),
        _rectangle(LABEL, top, at(bar.value) - LABEL, colour),
    ]
    if bar.interval is not None:
        low, high = map(at, bar.interval)
        path = f"M{low:.1f},{middle - WHISKER:g}v{2 * WHISKER}M{low:.1f},{middle:g}H{high:.1f}"
        path += f"M{high:.1f},{middle - WHISKER:g}v{2 * WHISKER}"
        parts.append(f'<path d="{path}" stroke="currentColor" stroke-width="1.5" fill="none"/>')
    return [*parts, _text(WIDTH - VALUE + 12, middle + 4.5, bar.shown)]


def _rectangle(x: float, y: float, width: float, colour: str, opacity: float = 1.0) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{max(width, 0):.1f}" height="{BAR}" rx="2" fill="{colour}" '
        f'opacity="{opacity:g}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", weight: int = 400) -> str:
    short = text if len(text) <= 28 or anchor == "start" else f"{text[:27]}…"
    return (
        f'<text x="{x:g}" y="{y:g}" fill="currentColor" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(short)}</text>"
    )
