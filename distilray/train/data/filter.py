"""Which rows a training takes: a condition in SQL over the rows' columns, as DuckDB reads it.

rows: gap is null                           # not the pairs that cognitive_pairs made
rows: task = 'math' and rating = 'medium'
"""

from __future__ import annotations

import re
from collections.abc import Collection

import duckdb
import pyarrow as pa

from distilray.train.errors import CannotTrain

WORD = re.compile(r"\w+")


def columns_in(condition: str, columns: Collection[str]) -> list[str]:
    """The ``columns`` that ``condition`` may read: all whose names occur in it."""
    words = set(WORD.findall(condition))
    return [name for name in columns if name in words]


def filter_rows(rows: pa.Table, condition: str) -> list[bool]:
    """For every row, whether ``condition`` holds; where it is null, it does not.

    Raises :class:`CannotTrain` with DuckDB's error if the condition cannot be parsed or names an unknown column.
    """
    numbered = rows.append_column("__row", pa.array(range(rows.num_rows), pa.int64()))
    taken = {number for (number,) in _select(numbered, "__row", condition)}
    return [number in taken for number in range(rows.num_rows)]


def check_condition(condition: str, schema: pa.Schema) -> None:
    """Raises :class:`CannotTrain` unless ``condition`` is valid for rows with these columns.

    No array is created: pyarrow would import pandas for it, a quarter of a second whenever a recipe is read.
    """
    _select(pa.Table.from_batches([], schema), "count(*)", condition)


def _select(rows: pa.Table, what: str, condition: str) -> list[tuple]:
    with duckdb.connect(config={"threads": 1, "enable_external_access": False}) as connection:
        connection.register("rows", rows)
        try:
            return connection.execute(f"SELECT {what} FROM rows WHERE ({condition}\n)").fetchall()
        except duckdb.Error as error:
            raise CannotTrain(f"rows: {condition!r} is not a condition over the rows' columns: {error}") from error
