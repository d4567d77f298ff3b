"""Numbers as the page writes them, and the key figures at its top."""

from __future__ import annotations

import re
from typing import Any

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE
from distilray.report import numbers
from distilray.report.page.results import BenchmarkResults

NONE = "–"
NBSP = "\N{NO-BREAK SPACE}"
_LINE = re.compile(r"^(\s*(?:- )*)([\w./:{}-]+:(?=\s|$))?(.*)$")


def number(value: float | None) -> str:
    """``12345`` as ``12,345``."""
    return NONE if value is None else f"{value:,.0f}"


def short(value: float | None) -> str:
    """``12345`` as ``12.3k``; up to four digits as they are."""
    return NONE if value is None else numbers.short(value)


def plain(value: float | None) -> str:
    """A measured value: whole numbers whole, others with four digits."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value == round(value) else f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """``75.2`` as ``1:15``."""
    return NONE if seconds is None else numbers.duration(seconds).replace(" ", NBSP)


def percent(share: float | None) -> str:
    if share is None:
        return NONE
    return f"< 0.1{NBSP}%" if 0 < share < 0.0005 else f"{100 * share:.1f}{NBSP}%"


def money(value: float | None) -> str:
    """In the currency of the recipe's prices, which is not known."""
    if not value:
        return NONE
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"


def moment(text: str | None) -> str:
    """A human-readable form of an ISO time."""
    return NONE if not text else text.replace("T", " ").replace("+00:00", " UTC")


def stage_name(name: str) -> str:
    """A stage's name without its number."""
    return re.sub(r"^\d+-", "", name)


def yaml_lines(text: str) -> list[tuple[str, str, str]]:
    """(indent, key, rest) of each line, to highlight the keys."""
    return [tuple(part or "" for part in _LINE.match(line).groups()) for line in text.splitlines()]  # type: ignore[union-attr]


def summary(found: dict[str, Any], by_benchmark: list[BenchmarkResults]) -> dict[str, Any]:
    """The figures at the top: rows, tokens, time, cost and what the student gained."""
    steps = found["steps"]
    stages = {step["stage"]: step["stage_seconds"] for step in steps}
    trainings = sum(training["seconds"] for training in found["training"])
    shares = [benchmark for benchmark in by_benchmark if benchmark.highest == 1]
    gained = next((benchmark for benchmark in shares if benchmark.value(STUDENT_AFTER) is not None), None)
    return {
        "rows_in": steps[0]["rows_in"] if steps else 0,
        "rows_kept": steps[-1]["kept"] if steps else 0,
        "tokens_in": sum(model["tokens_in"] for model in found["models"]),
        "tokens_out": sum(model["tokens_out"] for model in found["models"]),
        "seconds": sum(stages.values()) + trainings,
        "training_seconds": trainings,
        "cost": sum(model["cost"] for model in found["models"]),
        "benchmark": gained.name if gained else None,
        "after": gained.value(STUDENT_AFTER) if gained else None,
        "before": gained.value(STUDENT_BEFORE) if gained else None,
    }


FILTERS = {
    "number": number,
    "short": short,
    "plain": plain,
    "duration": duration,
    "percent": percent,
    "money": money,
    "moment": moment,
    "stage_name": stage_name,
    "yaml_lines": yaml_lines,
}
