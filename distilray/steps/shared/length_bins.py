"""A target distribution of lengths: normal over the logarithm, with a share kept for the long tail.

Lengths(mean=60, deviation=0.8, tail=0.05).masses()      # bin to the share of rows that belong in it
"""

from __future__ import annotations

from itertools import pairwise
from math import erf, log, sqrt

from pydantic import BaseModel, ConfigDict, Field

from distilray.steps.shared.shingles import CJK

STEP = 0.25
"""Width of a bin, in deviations."""
LOWEST, TAIL = -12, 8
"""The first bin holds all that is more than 2.75 deviations below the mean, the last one what is 2 or more above it."""
_HEX = "".join(f"\\x{{{ord(sign):04X}}}" if sign != "-" else sign for sign in CJK)
_WORDS = f"[{_HEX}]|[^\\P{{L}}{_HEX}]+|\\p{{N}}+"


class Lengths(BaseModel):
    """Lengths in words; a CJK character is a word, and so is a number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float = Field(gt=0, description="length at the middle of the distribution, in words")
    deviation: float = Field(gt=0, le=3, description="standard deviation of the natural logarithm of the length")
    tail: float = Field(
        default=0.05, ge=0, le=0.5, description="share of rows longer than two deviations above the mean"
    )

    def masses(self) -> dict[int, float]:
        """The share of rows of each bin; they sum to 1."""
        edges = [float("-inf"), *(STEP * k for k in range(LOWEST + 1, TAIL)), STEP * TAIL]
        body = _below(edges[-1])
        bins = {
            k: (1 - self.tail) * (_below(high) - _below(low)) / body
            for k, (low, high) in enumerate(pairwise(edges), LOWEST)
        }
        return bins | {TAIL: self.tail}

    def bin_of(self, words: str) -> str:
        """SQL for the bin of a length, whose SQL is ``words``."""
        deviations = f"(ln(greatest({words}, 1)) - {log(self.mean)}) / {self.deviation}"
        return f"least(greatest(floor({deviations} / {STEP})::INTEGER, {LOWEST}), {TAIL})"


def word_count(text: str) -> str:
    """SQL for the number of words of the text whose SQL is ``text``."""
    return f"len(regexp_extract_all({text}, '{_WORDS}'))"


def _below(deviations: float) -> float:
    """The share of a normal distribution below so many deviations."""
    return (1 + erf(deviations / sqrt(2))) / 2
