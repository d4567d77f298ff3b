"""Human-readable numbers for the page and the terminal."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """``1.4`` as ``1.4 s``, ``42.0`` as ``42 s``, ``75.2`` as ``1:15``, ``7200`` as ``2:00:00``."""
    if round(seconds) < 60:
        return f"{round(seconds, 1 if seconds < 10 else None):g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def short(value: float) -> str:
    """``1234`` as ``1,234``, ``12345`` as ``12.3k``, ``1234567`` as ``1.2M``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= max(size, 10_000):
            return f"{value / size:,.1f}{unit}"
    return f"{value:,.0f}"


def scored(value: float, highest: float) -> str:
    """A result on a scale up to ``highest``: ``0.847`` of 1 as ``84.7%``, ``8.314`` of 10 as ``8.31``."""
    return f"{value:.1%}" if highest == 1 else f"{value:.2f}"
