"""Openings, closings and runs of words that occur in many texts, found in two passes of bounded memory.

The first pass counts, in a table of fixed size, in how many texts each run occurs; different runs may share a place
there, so the table only ever counts too much (a count-min sketch of one row). The second pass writes down, text by
text, the runs that may be frequent; SQL counts these exactly. Numbers do not tell runs apart: "Step 1"
and "Step 2" are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from distilray.steps.shared.shingles import Reading, hashes, read, runs

PLACES = 1 << 24
"""Places of the table: 64 MiB."""
OPENING, CLOSING, INSIDE, MARKER, REFUSAL = "opening", "closing", "phrase", "marker", "refusal"
NUMBER = "#"
_SALTS = {OPENING: np.uint64(0x9AE16A3B2F90404F), CLOSING: np.uint64(0xC949D7C7509E6557)}
_QUOTED = re.compile(r"[\"“「『]([^\"”」』\n]{1,40}[:：])\s*[\"”」』]")
_TAGS = re.compile(r"\{[%{#].*?[%}#]\}", re.DOTALL)


class RunLength(NamedTuple):
    """Words of a run; characters where a text is in CJK characters."""

    words: int
    characters: int


class Found(NamedTuple):
    kind: str
    key: int
    """A hash of kind and text, signed, of 64 bits."""
    text: str


def masked(text: str) -> Reading:
    """The words of ``text``, all numbers alike."""
    reading = read(text)
    return reading._replace(words=[NUMBER if word[0].isdigit() else word for word in reading.words])


class PhraseFinder:
    """``edge``: the length of openings and closings; ``inside``: that of runs anywhere. A shorter text has none."""

    def __init__(self, edge: RunLength, inside: RunLength) -> None:
        self.edge, self.inside = edge, inside
        self.counts = np.zeros(PLACES, np.uint32)

    def count(self, text: str) -> None:
        """First pass: every run of the text counts once."""
        for _, keys, _, _ in self._runs(masked(text)):
            self.counts[np.unique(_place(keys))] += 1

    def frequent(self, text: str, at_least: int) -> Iterator[Found]:
        """Second pass: the runs of the text that at least ``at_least`` texts may have, each once."""
        reading = masked(text)
        for kind, keys, first, length in self._runs(reading):
            often = np.flatnonzero(self.counts[_place(keys)] >= at_least)
            unique, places = np.unique(keys[often], return_index=True)
            for key, place in zip(unique.view(np.int64).tolist(), often[places].tolist(), strict=True):
                yield Found(kind, key, _shown(reading, first + place, length))

    def _runs(self, reading: Reading) -> Iterator[tuple[str, np.ndarray, int, int]]:
        """Of each kind: the hashes of its runs, the word at which the first one begins, and their length."""
        hashed = hashes(reading.words)
        edge, inside = reading.length(*self.edge), reading.length(*self.inside)
        if len(hashed) >= edge:
            last = len(hashed) - edge
            yield OPENING, runs(hashed[:edge], edge) ^ _SALTS[OPENING], 0, edge
            yield CLOSING, runs(hashed[last:], edge) ^ _SALTS[CLOSING], last, edge
        if len(hashed) >= inside:
            yield INSIDE, runs(hashed, inside), 0, inside


def _place(keys: np.ndarray) -> np.ndarray:
    return (keys % np.uint64(PLACES)).astype(np.int64)


def _shown(reading: Reading, start: int, length: int) -> str:
    return ("" if reading.by_character else " ").join(reading.words[start : start + length])


class PromptTexts:
    """What the templates of prompts make models write: the lines that they ask for, and their own wording."""

    def __init__(self, templates: Iterable[str]) -> None:
        plain = [_TAGS.sub(" ", template) for template in templates]
        self.wordings = [_framed(masked(text).words) for text in plain]
        markers = sorted({mark.strip().casefold() for text in plain for mark in _QUOTED.findall(text)})
        self._lines = re.compile(rf"(?im)^[\s*#>-]*({'|'.join(map(re.escape, markers))})") if markers else None

    def markers(self, text: str) -> set[str]:
        """The markers with which a line of ``text`` begins: ``{"answer:"}``."""
        return {found[1].casefold() for found in self._lines.finditer(text)} if self._lines else set()

    def hold(self, phrase: str) -> bool:
        """Whether a template has the phrase in its own wording."""
        return any(_framed(masked(phrase).words) in wording for wording in self.wordings)


def _framed(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "
