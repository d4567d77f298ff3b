"""A method's result for one row: tokens to train on, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tokens:
    """A row that can be trained on."""

    values: dict[str, Any]
    """One for each of the method's ``token_columns``."""
    length: int
    """Tokens that go through the student for this row."""
    trained: int
    """Tokens that contribute to the loss."""
    truncated: bool = False
    """Whether its end was cut off to fit."""


@dataclass(frozen=True, slots=True)
class UntrainableRow:
    """A row that cannot be trained on."""

    outcome: str
    """``rejected`` or ``failed``."""
    reason: str
    length: int | None = None
    """In tokens, where that is known."""
