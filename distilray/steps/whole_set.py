"""A step that sees the whole set at once: columns in, a decision for every row out.

The runner gives it a DuckDB connection with a view ``rows`` (``id``, ``unit`` and the columns that the step reads, of
the rows still kept) under a memory limit, so that a million rows spill to disk instead of filling the machine. Text
that the step does not read never moves: what comes out are ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import duckdb
from pydantic import BaseModel, ConfigDict


class GlobalStep(BaseModel):
    """Settings of a global step; ``decide`` says which rows stay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[Mapping[str, str]] = {}

    def decide(self, rows: duckdb.DuckDBPyConnection) -> str:
        """SQL over ``rows``: ``id``, ``unit``, ``reason`` (null: kept; text: rejected for it), the columns written."""
        raise NotImplementedError(f"{type(self).__name__} does not say which rows stay")

    def columns_read(self) -> set[str]:
        return set(self.reads)

    def columns_written(self) -> dict[str, str]:
        return dict(self.writes)
