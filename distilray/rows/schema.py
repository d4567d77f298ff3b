"""The versioned Arrow schema of rows, and the columns that steps add to it."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

SCHEMA_VERSION = 1

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

HISTORY = pa.list_(
    pa.struct(
        [
            ("step", pa.string()),
            ("outcome", pa.string()),
            ("reason", pa.string()),
            ("seconds", pa.float32()),
            ("tokens_in", pa.int32()),
            ("tokens_out", pa.int32()),
        ]
    )
)
"""One entry for every step that a row has passed, in order; tokens are those paid for, not those
replayed."""

CORE = pa.schema(
    [
        ("id", pa.string()),
        ("parent", pa.string()),
        ("source", pa.string()),
        ("content_hash", pa.string()),
        ("language", pa.string()),
        ("task", pa.string()),
        ("messages", MESSAGES),
        ("reference", pa.string()),
        ("reasoning", pa.string()),
        ("answer", pa.string()),
        ("rejected_answer", pa.string()),
        ("extra", pa.string()),
        ("history", HISTORY),
        ("outcome", pa.string()),
        ("stopped_at", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Columns that every row has.

``messages``: the conversation up to the turn to be answered; ``answer``: what answers it; ``reasoning``:
the trace before the answer, apart from it; ``reference``: the known right answer, as text; ``extra``: the
source's other columns as a JSON object; ``outcome``, ``stopped_at``, ``reason``: the row's outcome in the
last phase it entered, at which step and why.
"""

_NAMED = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "messages": MESSAGES,
}


def column_type(name: str) -> pa.DataType:
    """The Arrow type for a step's ``"string"``, ``"int"``, ``"float"``, ``"bool"``, ``"messages"`` or
    ``"list<...>"`` of one of them."""
    if name.startswith("list<") and name.endswith(">"):
        return pa.list_(column_type(name[5:-1]))
    return _NAMED[name]


def schema_with(columns: Mapping[str, str]) -> pa.Schema:
    """The core schema followed by ``columns`` (name to type name, as in :func:`column_type`)."""
    fields = [pa.field(name, column_type(kind)) for name, kind in columns.items() if name not in CORE.names]
    metadata = {"distilray.schema_version": str(SCHEMA_VERSION)}
    return pa.schema([*CORE, *fields], metadata=metadata)
