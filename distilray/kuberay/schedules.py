"""Schedules and durations as Go programs, and so Kubernetes' operators, write them."""

from __future__ import annotations

import re

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 6, DAYS),
)
"""Of a schedule, in order: lowest and highest value, and names of values from the lowest on."""
NAMED = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
AMOUNT = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)"


def go_seconds(text: str) -> float | None:
    """Seconds of a duration (``90s``, ``1h30m``), or of a whole number of seconds; None for anything else."""
    if re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    if not re.fullmatch(rf"[+-]?(?:{AMOUNT})+", text):
        return None
    seconds = sum(float(number) * UNITS[unit] for number, unit in re.findall(AMOUNT, text))
    return -seconds if text.startswith("-") else seconds


def schedule_problem(text: str) -> str | None:
    """Why ``text`` is no schedule of cron's five fields; None if it is one."""
    if text.startswith("@"):
        every = text.removeprefix("@every ")
        seconds = None if every == text or every.strip().isdigit() else go_seconds(every)
        return None if text in NAMED or (seconds or 0) > 0 else "it is no schedule that has a name"
    words = text.split()
    if len(words) != len(FIELDS):
        return f"it has {len(words)} fields in place of {len(FIELDS)}"
    for word, (name, low, high, names) in zip(words, FIELDS, strict=True):
        for part in word.split(","):
            if not _is_range(part, low, high, names):
                return f"{part!r} is no {name}, which goes from {low} to {high}"
    return None


def _is_range(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    """Whether ``part`` is ``*``, a value, or a range, each with a step or without."""
    reach, slash, step = part.partition("/")
    if slash and not (step.isdigit() and int(step)):
        return False
    if reach in ("*", "?"):
        return True
    values = [_value(word, low, names) for word in reach.split("-")]
    if len(values) > 2 or any(value is None or not low <= value <= high for value in values):
        return False
    return len(values) == 1 or (values[0] or 0) <= (values[1] or 0)


def _value(word: str, low: int, names: tuple[str, ...]) -> int | None:
    if word.isdigit():
        return int(word)
    return names.index(word.lower()) + low if word.lower() in names else None
