"""Texts as words, and runs of words as numbers: what steps compare that look for equal text in a whole set.

    read("Tom has 1,200 Apples；苹果 x+1").words
    # ["tom", "has", "1200", "apples", "苹", "果", "x", "+", "1"]

A word is a number, a CJK character, a run of other letters, or a sign. Numbers and signs stay, since 2+3 is another
question than 2-4; case, spaces, full width and punctuation do not count. Runs of words ("shingles") are compared by
hashes of 64 bits, which are the same in every process.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Kana, Han characters and Hangul syllables, as in a regular expression's set."""
PUNCTUATION = ".,!?;:'\"。、“”‘’《》〈〉「」『』【】…·—–"
_WORD = re.compile(
    rf"\d{{1,3}}(?:,\d{{3}})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|[{CJK}]|[^\W\d_{CJK}]+|_|[^\w\s{re.escape(PUNCTUATION)}]"
)
_CJK = re.compile(f"[{CJK}]")
FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xC2B2AE3D27D4EB4F)
_HALF, _LESS = np.uint64(32), np.uint64(29)


class Reading(NamedTuple):
    words: list[str]
    by_character: bool
    """Whether at least as many of the words are CJK characters as are words of other letters."""

    def length(self, words: int, characters: int) -> int:
        """How many words a run has: ``characters`` where most of them are CJK characters, else ``words``."""
        return characters if self.by_character else words


def read(text: str) -> Reading:
    """The words of ``text``."""
    if text.isascii():
        return Reading(_words(text.lower()), False)
    words = _words(unicodedata.normalize("NFKC", text).casefold())
    characters = sum(_CJK.match(word) is not None for word in words)
    others = sum(word[0].isalpha() for word in words) - characters
    return Reading(words, bool(characters) and characters >= others)


def _words(text: str) -> list[str]:
    return [word.replace(",", "") if "," in word else word for word in _WORD.findall(text)]


def numbers_in(words: Iterable[str]) -> list[str]:
    return [word for word in words if word[0].isdigit()]


@lru_cache(1 << 16)
def _word_hash(word: str) -> int:
    return _digest(word.encode("utf-8", "surrogatepass"))


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def hashes(words: Sequence[str]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A hash of each word."""
    return np.fromiter(map(_word_hash, words), np.uint64, len(words))


def runs(hashed: np.ndarray, length: int) -> np.ndarray:
    """A hash of each run of ``length`` words, in their order; of a shorter text, one of all its words."""
    length = min(length, len(hashed))
    if not length:
        return hashed
    count = len(hashed) - length + 1
    mixed = np.full(count, length, np.uint64)
    for k in range(length):
        mixed = mixed * FACTOR + hashed[k : k + count]
    return spread(mixed)


def whole(hashed: np.ndarray) -> int:
    """A hash of all words in their order; 0 where there are none."""
    return _digest(hashed.tobytes()) if len(hashed) else 0


def spread(mixed: np.ndarray) -> np.ndarray:
    """``mixed`` with every bit depending on every other: products alone leave their low bits weak."""
    mixed = (mixed ^ (mixed >> _HALF)) * _SPREAD
    return mixed ^ (mixed >> _LESS)
