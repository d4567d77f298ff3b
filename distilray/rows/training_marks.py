"""Marks by which others say that a turn, or a whole record, is not to be trained on.

    {"role": "assistant", "content": "Paris.", "weight": 0}      OpenAI's fine-tuning files, axolotl
    {"from": "gpt", "value": "7", "train": false}                axolotl
    {"role": "assistant", "content": "5", "loss": false}         ms-swift

A row keeps those of its turns in ``extra``, as ``turn_weights``: a number for each turn of ``messages``, and one for
the answer if that has a weight of its own. Marks of a whole record stay where they are, in ``extra`` or in a column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

TRAINING_MARKS = ("weight", "train", "training", "loss")
TURN_WEIGHTS = "turn_weights"
_NAMED = f'"({"|".join((TURN_WEIGHTS, *TRAINING_MARKS))})"'
_FALSE = {"0", "0.0", "false", "no"}


@dataclass(frozen=True, slots=True)
class TrainingMarks:
    """What a row's marks say."""

    row: str | None = None
    """The mark that leaves out the whole row: ``train: false``."""
    turns: Sequence[float] = ()
    """Weights of the turns, where one is not 1; see above."""


def weight_of(marked: Mapping[str, Any]) -> float:
    """How much a turn counts by its marks: 1 without any, 0 where it is not to be trained on."""
    found = (_weight(name, marked.get(name)) for name in TRAINING_MARKS)
    return min((weight for weight in found if weight is not None), default=1.0)


def marks_of(row: Mapping[str, Any]) -> TrainingMarks:
    """The marks of a row, in its own columns and in ``extra``."""
    extra = row.get("extra")
    found: dict[str, Any] = {}
    if extra and re.search(_NAMED, extra):
        found = msgspec.json.decode(extra)
    for name in TRAINING_MARKS:
        for value in (row.get(name), found.get(name)):
            if _weight(name, value) == 0:
                return TrainingMarks(f"{name}: {str(value).lower()}")
    return TrainingMarks(turns=found.get(TURN_WEIGHTS) or ())


def any_marks(rows: pa.Table) -> bool:
    """Whether a row of ``rows`` has a mark: in ``extra``, or in a column named as one."""
    return any(found.row is not None or found.turns for found in map(marks_of, rows.to_pylist()))


def _weight(name: str, value: Any) -> float | None:
    """``value`` of the mark ``name`` as a weight; None where it is none: a loss, for one, may have been measured."""
    if isinstance(value, str):
        return 0.0 if value.strip().lower() in _FALSE else None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float | Decimal) and (name == "weight" or (name != "loss" and value in (0, 1))):
        return float(value)
    return None
