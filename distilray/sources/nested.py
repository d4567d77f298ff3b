"""Conversations that are not written as lists of turns, and the numbers that are none.

'[{"role": "user", "content": "Hi"}]'              as JSON text, in a column of text
{"role": ["user"], "content": ["Hi"]}              as lists, as ``datasets`` stores a sequence of objects
"""

from __future__ import annotations

import math
from typing import Any

from distilray.rows import MalformedRecord
from distilray.sources.formats.decoding import decoded
from distilray.sources.formats.malformed import Malformed


def as_turns(value: Any) -> Any:
    """``value`` as a list of turns where it is one in another way; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        found = decoded(value.encode("utf-8", "surrogatepass"))
        if isinstance(found, Malformed):
            raise MalformedRecord(f"conversation is text that is not JSON; {found.why.partition('; ')[2]}")
        value = found
    if isinstance(value, dict) and value and all(isinstance(part, list) for part in value.values()):
        if len({len(part) for part in value.values()}) > 1:
            raise MalformedRecord("conversation has lists of different lengths")
        return [dict(zip(value, turn, strict=True)) for turn in zip(*value.values(), strict=True)]
    return value


def is_no_number(value: Any) -> bool:
    """NaN, which is how a missing value is written where there are only numbers, or an infinity."""
    return isinstance(value, float) and not math.isfinite(value)


def drop_no_numbers(record: dict[str, Any]) -> list[str]:
    """Removes the values that are no numbers from ``record``, which then lacks them; returns their names."""
    names = [name for name, value in record.items() if is_no_number(value)]
    for name in names:
        del record[name]
    return names
