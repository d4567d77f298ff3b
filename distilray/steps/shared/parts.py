"""Parts of a row as one text in SQL, for global steps that compare texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from distilray.checkpoints import Part
from distilray.steps.shared.labelling import COLUMNS

PARTS = Annotated[tuple[Part, ...], Field(min_length=1, description="parts of a row whose text is looked at")]
_CONVERSATION = "array_to_string([turn['content'] for turn in messages if turn['role'] <> 'system'], chr(10))"


def part_columns(parts: Iterable[Part]) -> set[str]:
    """The columns that hold ``parts``."""
    return {COLUMNS[part] for part in parts}


def text_of(parts: Iterable[Part]) -> str:
    """SQL for the text of ``parts`` of a row of ``rows``, one below the other; system turns are not part of it."""
    texts = [_CONVERSATION if part == "conversation" else COLUMNS[part] for part in parts]
    return f"concat_ws(chr(10), {', '.join(texts)})"
