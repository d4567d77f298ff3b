"""What a selection by a number did: the number's distribution, and the share kept, for each task and language.

    {"kind": "selection", "column": "difficulty", "low": -2.0, "high": 8.5, "rows": 12000, "kept": 4100, "without": 40,
     "groups": [{"task": "math", "language": "en", "rows": 700, "kept": 300, "bars": [[rows, kept], ...]}, ...]}

``bars`` are ``BARS`` equal parts of ``low`` to ``high``; rows without a value are in no bar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from distilray.steps.global_step import quoted

BARS = 20
GROUPS = 80
"""Groups that are told apart; 33 tasks in two languages are fewer. The smallest beyond them are one: ``others``."""
WIDTH = 40  # characters of the longest bar


def summarise(rows: duckdb.DuckDBPyConnection, column: str, decided: str) -> dict[str, Any]:
    """The summary of ``decided`` (SQL with ``id``, ``unit``, ``reason``) over the view ``rows``, which has ``task``,
    ``language`` and the quoted ``column``."""
    value = f"r.{column}::DOUBLE"
    there = f"FILTER (isfinite({value}))"
    found = rows.execute(f"SELECT min({value}) {there}, max({value}) {there} FROM rows AS r").fetchone()
    low, high = found or (None, None)
    width = ((high - low) / BARS or 1.0) if low is not None and high is not None else 1.0
    counted = rows.execute(
        f"""
        SELECT coalesce(r.task, 'others'), coalesce(r.language, 'en'),
               CASE WHEN {value} IS NULL OR NOT isfinite({value}) THEN -1
                    ELSE least(floor(({value} - {low or 0.0}) / {width})::INTEGER, {BARS - 1}) END AS bar,
               count(*), count(*) FILTER (decided.reason IS NULL)
        FROM rows AS r JOIN ({decided}) AS decided ON r.id = decided.id AND r.unit = decided.unit
        GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    return {
        "kind": "selection",
        "column": column.strip('"'),
        "low": low,
        "high": high,
        "rows": sum(count for *_, count, _ in counted),
        "kept": sum(kept for *_, kept in counted),
        "without": sum(count for _, _, bar, count, _ in counted if bar < 0),
        "groups": _groups(counted),
    }


def _groups(counted: list[tuple[str, str, int, int, int]]) -> list[dict[str, Any]]:
    """Largest first."""
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    for task, language, _, count, _ in counted:
        sizes[task, language] += count
    shown = set(sorted(sizes, key=lambda group: (-sizes[group], group))[:GROUPS])
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for task, language, bar, count, kept in counted:
        key = (task, language) if (task, language) in shown else ("others", "")
        group = groups.setdefault(
            key, {"task": key[0], "language": key[1], "rows": 0, "kept": 0, "bars": [[0, 0] for _ in range(BARS)]}
        )
        group["rows"] += count
        group["kept"] += kept
        if bar >= 0:
            group["bars"][bar][0] += count
            group["bars"][bar][1] += kept
    return sorted(groups.values(), key=lambda group: (-group["rows"], group["task"], group["language"]))


def distribution(rows: pa.Table, column: str) -> str:
    """:func:`written_out` of the numbers in ``column``; ``rows`` has ``id``, ``task`` and ``language`` too."""
    with duckdb.connect() as connection:
        connection.register("given", rows)
        connection.execute("CREATE VIEW rows AS SELECT *, 0 AS unit FROM given")
        name = quoted(column)
        return written_out(summarise(connection, name, "SELECT id, unit, NULL AS reason FROM rows"))


def written_out(summary: Mapping[str, Any]) -> str:
    """The distribution over all groups as lines of text, for a terminal."""
    column, low, high = summary["column"], summary["low"], summary["high"]
    if low is None:
        return f"{column}: no row has a value"
    totals = [sum(group["bars"][k][0] for group in summary["groups"]) for k in range(BARS)]
    step = (high - low) / BARS
    if not step:
        return f"{column}: {low:g} in all {sum(totals):,} rows that have a value"
    lines = [f"{column} over {sum(totals):,} rows ({summary['without']:,} without a value):"]
    for k, count in enumerate(totals):
        bar = "#" * round(WIDTH * count / max(totals))
        lines.append(f"  {low + k * step:>9.3g} to {low + (k + 1) * step:<9.3g} {count:>9,} {bar}".rstrip())
    return "\n".join(lines)
