"""A step that sees the whole set at once: columns in, a decision for every row out.

The runner gives it a DuckDB connection with a view ``rows`` (``id``, ``unit`` and the columns that the step reads, of
the rows still kept) under a memory limit, so that a million rows spill to disk instead of filling the machine. Text
that the step does not read never moves: only ids come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import duckdb
from pydantic import BaseModel, BeforeValidator, ConfigDict


class ByRound:
    """Marks the settings of a global step that are a number, or a list with one for each round of a repeat; the last
    number of a list holds for all further rounds."""


def _shares(value: Any) -> Any:
    parts = value if isinstance(value, list | tuple) else [value]
    good = [isinstance(part, int | float) and not isinstance(part, bool) and 0 <= part <= 1 for part in parts]
    if value is not None and not (good and all(good)):
        raise ValueError(
            f"a share is a number from 0 to 1, or in a repeat a list with one for each round, not {value!r}"
        )
    return value


SHARES = BeforeValidator(_shares)
"""Checks such a setting where its numbers are shares."""


def at_round(value: float | tuple[float, ...], number: int) -> float:
    """The value in round ``number``, from 1, of a setting marked :class:`ByRound`."""
    return value[min(number, len(value)) - 1] if isinstance(value, tuple) else value


def quoted(column: str) -> str:
    """``column`` as an identifier in SQL."""
    return '"' + column.replace('"', '""') + '"'


class GlobalStep(BaseModel):
    """Settings of a global step; ``decide`` says which rows stay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[Mapping[str, str]] = {}
    counted_columns: ClassVar[tuple[str, ...]] = ()
    """Written columns whose values are counted in the stage's manifest, since they show what the step did."""

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        """SQL over ``rows``: ``id``, ``unit``, ``reason`` (null: kept; text: rejected for it), the columns written."""
        raise NotImplementedError(f"{type(self).__name__} does not implement decide")

    def summary(self, rows: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """What the stage's manifest and the report say about the decision, as JSON; by default nothing."""
        return {}

    def explanation(self, summary: Mapping[str, Any]) -> str:
        """The lines of ``summary`` that say why no row is left, for the error that stops the run."""
        return ""

    def columns_read(self) -> set[str]:
        return set(self.reads)

    def columns_awaited(self) -> set[str]:
        """Columns read that a later step of the same repeat may write; they are all null in the first round."""
        return set()

    def columns_written(self) -> dict[str, str]:
        return dict(self.writes)

    def per_round(self) -> dict[str, tuple[float, ...]]:
        """Settings that have a number for each round of a repeat."""
        marked = [
            name
            for name, info in type(self).model_fields.items()
            if any(isinstance(mark, ByRound) for mark in info.metadata)
        ]
        return {name: value for name in marked if isinstance(value := getattr(self, name), tuple)}

    def in_round(self, number: int) -> Self:
        """These settings in round ``number`` of a repeat, from 1."""
        return self.model_copy(update={name: at_round(value, number) for name, value in self.per_round().items()})
