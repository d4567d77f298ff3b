"""A row: one instruction and what steps have added to it.

    Row({"id": "gsm8k/train.jsonl:17", "language": "en",
         "messages": [{"role": "user", "content": "What is 2 + 3?"}],
         "reference": "5", "answer": None, ...})

Rows are values: a step that changes a column makes a new row, so that a row can be retried from where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Row:
    """An immutable mapping from column to value; absent columns read as ``None``."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values: dict[str, Any] = dict(values)

    def __getitem__(self, column: str) -> Any:
        return self.values.get(column)

    def __contains__(self, column: str) -> bool:
        return self.values.get(column) is not None

    def __repr__(self) -> str:
        return f"Row({self.id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self.values == other.values

    __hash__ = None  # type: ignore[assignment]  # a row holds lists

    @property
    def id(self) -> str:
        return self.values["id"]

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation up to the turn that is to be answered: ``[{"role", "content"}, ...]``."""
        return self.values.get("messages") or []

    @property
    def instruction(self) -> str:
        """What the last user turn asks."""
        for message in reversed(self.messages):
            if message["role"] == "user":
                return message["content"]
        return ""

    @property
    def language(self) -> str:
        """ISO 639-1 code of the instruction, ``"en"`` where it is not known."""
        return self.values.get("language") or "en"

    @property
    def task(self) -> str:
        return self.values.get("task") or "others"

    def having(self, **columns: Any) -> Row:
        """This row with ``columns`` set."""
        return Row({**self.values, **columns})
