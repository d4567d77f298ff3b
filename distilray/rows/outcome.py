"""What became of a row in a step: kept, rejected(reason) or failed(error), and nothing else.

``kept(row, score=7)`` keeps the row with its column ``score`` set; ``rejected("answer truncated by length",
score=2)`` ends it there, with the columns that tell why. Children that a step created travel with the outcome
of their parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from distilray.rows.row import Row

Kind = Literal["kept", "rejected", "failed"]
OUTCOMES: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: Kind
    reason: str | None = None
    row: Row | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    children: tuple[Row, ...] = ()

    def apply(self, row: Row) -> Row:
        """``row`` as it leaves the step."""
        base = self.row if self.row is not None else row
        return base.having(**self.columns) if self.columns else base


def kept(row: Row | None = None, *, children: Sequence[Row] = (), **columns: Any) -> Outcome:
    """The row continues (as ``row``, if the step changed it) with ``columns`` set, followed by ``children``."""
    return Outcome("kept", None, row, columns, tuple(children))


def rejected(reason: str, *, row: Row | None = None, **columns: Any) -> Outcome:
    """The row was judged and is not wanted; ``reason`` is short and countable (without ids or the row's numbers)."""
    return Outcome("rejected", reason, row, columns)


def failed(error: str, *, row: Row | None = None, **columns: Any) -> Outcome:
    """Something went wrong, so nothing is known about the row's quality."""
    return Outcome("failed", error, row, columns)
