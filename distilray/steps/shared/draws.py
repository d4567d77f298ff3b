"""A number for a row that looks random and never changes: no sharding and no repetition draws another."""

from __future__ import annotations

from hashlib import blake2b

from distilray.rows import Row


def draw(row: Row, purpose: str) -> float:
    """From 0 (included) to 1, the same for the same row and ``purpose``."""
    digest = blake2b(f"{row.id}\0{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
