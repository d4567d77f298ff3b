"""Marks by which others say that a turn, or a whole record, is not to be trained on.

    {"role": "assistant", "content": "Paris.", "weight": 0}      OpenAI's fine-tuning files, axolotl
    {"from": "gpt", "value": "7", "train": false}                axolotl
    {"role": "assistant", "content": "5", "loss": false}         ms-swift

and by which they call an answer good or bad, for methods that learn from single answers (KTO):

    {"prompt": "2+2?", "completion": "5", "label": false}        TRL
    {"messages": [...], "kto_tag": false}                        LLaMA-Factory

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
LABELS = ("label", "kto_tag")
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
    least = min((weight for weight in found if weight is not None), default=1)
    return int(least) if least in (0, 1) else least  # trainers that read weights expect whole numbers


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


def label_of(row: Mapping[str, Any]) -> bool | None:
    """Whether a row's answer is called good, in a column or in ``extra``; None if it is called neither."""
    extra = row.get("extra")
    found = msgspec.json.decode(extra) if extra and any(f'"{name}"' in extra for name in LABELS) else {}
    values = (marked.get(name) for marked in (row, found) for name in LABELS)
    return next((value for value in values if isinstance(value, bool)), None)


def any_marks(rows: pa.Table) -> bool:
    """Whether a row of ``rows`` has a mark that leaves out a part of it, in ``extra`` or in a column named as one: a
    label that is false is one too."""
    return any(
        marks.row is not None or marks.turns or label_of(row) is False
        for row in rows.to_pylist()
        for marks in [marks_of(row)]
    )


def _weight(name: str, value: Any) -> float | None:
    """``value`` of the mark ``name`` as a weight; None where it is none: a loss, for one, may have been measured."""
    if isinstance(value, str):
        return 0.0 if value.strip().lower() in _FALSE else None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float | Decimal) and (name == "weight" or (name != "loss" and value in (0, 1))):
        return float(value)
    return None
