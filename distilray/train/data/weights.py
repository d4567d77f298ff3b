"""Rows and turns that their source has marked as not to be trained on: see :mod:`distilray.rows.training_marks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.rows import marks_of


class UnknownWeights(ValueError):
    """Why the weights of a row's turns cannot be followed; short and countable."""


def whole_row_mark(row: Mapping[str, Any]) -> str | None:
    """Why a row is left out by a mark on all of it; None without one."""
    mark = marks_of(row).row
    return None if mark is None else f"marked as not to be trained on ({mark})"


def with_turn_weights(row: dict[str, Any]) -> dict[str, Any]:
    """``row`` with ``weight: 0`` in those of its messages that are not to be trained on.

    Raises :class:`UnknownWeights` for weights other than 0 and 1, which no method here has.
    """
    weights, messages = marks_of(row).turns, row.get("messages") or []
    if not weights:
        return row
    if any(weight not in (0, 1) for weight in weights):
        raise UnknownWeights("a turn has a weight other than 0 and 1")
    if len(weights) != len(messages):
        raise UnknownWeights("its turns are not those that its source has marked")
    marked = [turn if weight else {**turn, "weight": 0} for turn, weight in zip(messages, weights, strict=True)]
    return {**row, "messages": marked}
