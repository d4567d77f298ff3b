"""Runs that make rows: sources and steps, without a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import distilray as dr
from benchmarks.claims.sitting import Sitting

PAIR = ("messages", "chosen", "rejected")
ROW_COLUMN = {"chosen": "answer", "rejected": "rejected_answer"}


def passed(
    sitting: Sitting,
    source: dr.Source | str,
    models: Mapping[str, dr.VLLMModel],
    steps: Sequence[dr.Step | dr.GlobalStep],
    columns: Sequence[str],
) -> list[dict[str, Any]]:
    """The rows that the last of ``steps`` keeps, by id, with ``columns``; ``source`` may name rows of the world.
    Columns are named as records have them: what a pair prefers is ``chosen``."""
    if isinstance(source, str):
        source = dr.Source(name=source, path=str(sitting.rows(source)))
    recipe = dr.Recipe(name=source.name, seed=sitting.seed, models=dict(models), sources=[source], steps=tuple(steps))
    last = recipe.all_steps()[-1].name
    names = {column: ROW_COLUMN.get(column, column) for column in columns}
    table = sitting.run(source.name, recipe).table(last, ["id", *names.values()])
    rows = sorted(table.to_pylist(), key=lambda row: row["id"])
    return [{column: row[name] for column, name in names.items()} for row in rows]


def first(rows: Sequence[Any], count: int, what: str) -> list[Any]:
    """The first ``count`` of ``rows``. Raises RuntimeError where there are fewer."""
    if len(rows) < count:
        raise RuntimeError(f"{len(rows)} {what}, and {count} are needed; make more rows or ask for fewer")
    return list(rows[:count])
