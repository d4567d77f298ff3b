"""Identity of rows: where a row came from, and what it says.

row_id("gsm8k", "train.jsonl", 17)        -> "gsm8k/train.jsonl:17"
row_id("r1", "part-0.parquet", 4, 2)      -> "r1/part-0.parquet:4.2"     (the second row of one record)
child_id("gsm8k/train.jsonl:17", "expand", 0) -> "gsm8k/train.jsonl:17/expand.0"
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import blake2b


def row_id(source: str, file: str, position: int, part: int | None = None) -> str:
    """Id of the row at ``position`` of ``file``; ``part`` where a record makes several. Both from 1."""
    return f"{source}/{file}:{position}" if part is None else f"{source}/{file}:{position}.{part}"


def position_of(row_id: str) -> int:
    """The position of the record of a source that became the row ``row_id``, which no step has made."""
    return int(row_id.rpartition(":")[2].partition(".")[0])


def child_id(parent: str, step: str, k: int) -> str:
    """Id of the ``k``-th row (from 0) that ``step`` makes of the row ``parent``."""
    return f"{parent}/{step}.{k}"


def content_hash(messages: Sequence[Mapping[str, str]], answer: str | None = None) -> str:
    """32 hex digits that two rows share if they say the same, whatever their Unicode form and white space.

    BLAKE2b of the messages, and of ``answer`` where it is given.
    """
    pieces = [f"{message['role']}\x1f{_normal(message['content'])}\x1e" for message in messages]
    if answer is not None:
        pieces.append(f"\x1d{_normal(answer)}")
    return blake2b("".join(pieces).encode(), digest_size=16).hexdigest()


def _normal(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())
