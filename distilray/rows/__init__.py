"""Rows: what they are, where they come from and where they go."""

from distilray.rows.outcome import Outcome, failed, kept, rejected
from distilray.rows.row import Row
from distilray.rows.schema import CORE, HISTORY, MESSAGES, SCHEMA_VERSION, column_type, schema_with

__all__ = [
    "CORE",
    "HISTORY",
    "MESSAGES",
    "SCHEMA_VERSION",
    "Outcome",
    "Row",
    "column_type",
    "failed",
    "kept",
    "rejected",
    "schema_with",
]
