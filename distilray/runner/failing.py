"""A step whose rows fail: a judge that never keeps to its form stops the run early, before the budget is spent on it.

"step judge failed on 118 of its first 130 rows, such as: BadReply: judge: expected one JSON object ..."
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from distilray.runner.context import Budget

EARLY = 100
"""Rows of a step from which on the share of those that failed is believed."""
SAMPLES = 3


def failing(reports: Iterable[Mapping[str, Any]], budget: Budget) -> str | None:
    """Why the run should stop, by what all runners report: their rows by step and outcome, and samples of errors. None
    while no step has failed on more than ``budget.failed_share`` of at least ``EARLY`` rows."""
    rows: dict[str, int] = {}
    failed: dict[str, int] = {}
    samples: dict[str, list[str]] = {}
    for report in reports:
        for step, counts in report["outcomes"].items():
            rows[step] = rows.get(step, 0) + sum(counts.values())
            failed[step] = failed.get(step, 0) + counts["failed"]
        for step, errors in report["failures"].items():
            samples.setdefault(step, []).extend(errors)
    for step, count in rows.items():
        if count >= EARLY and failed[step] > budget.failed_share * count:
            shown = " | ".join(samples.get(step, [])[:SAMPLES])
            return (
                f"step {step} failed on {failed[step]:,} of its first {count:,} rows, such as: {shown}. That is more "
                f"than budget.failed_share ({budget.failed_share:g}) allows: mend the cause, or if it is meant so"
            )
    return None
