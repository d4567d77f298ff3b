"""How much two texts have in common, by pieces of three words; Chinese counts by character.

overlap("one two three four", "one two three five")     -> 1/3
near_copy("Name three rivers.", ["Name three rivers!"], 0.6)     -> True
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SHINGLE = 3
"""Words of the pieces by which texts are compared."""
WORD = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+|[^\w\s]")
"""A word is a Chinese character, a run of other letters and digits, or a mark."""


def overlap(one: str, other: str) -> float:
    """Share of the pieces of ``SHINGLE`` words of either text that both have (Jaccard), 0 to 1. Linear in the texts'
    lengths, which for traces may be tens of thousands of words."""
    mine, theirs = _pieces(one), _pieces(other)
    return len(mine & theirs) / len(mine | theirs)


def near_copy(text: str, others: Iterable[str], most: float) -> bool:
    """Whether ``text`` shares more than ``most`` of its pieces with one of ``others``, whatever their case."""
    return any(overlap(text.lower(), other.lower()) > most for other in others)


def _pieces(text: str) -> set[tuple[str, ...]]:
    words = WORD.findall(text)
    return {tuple(words[k : k + SHINGLE]) for k in range(max(1, len(words) - SHINGLE + 1))}
