"""Sketches of texts, by which near-duplicates meet without every text being compared with every other.

A MinHash (datasketch's, 128 permutations) is cut into bands; two texts that agree in any band are a candidate pair
(Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3). Which pairs are near-duplicates is decided by
their true Jaccard similarity, so a sketch only ever misses a pair: with probability ``(1 - s ** width) ** bands`` for
one of similarity ``s``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from distilray.steps.shared.shingles import FACTOR, hashes, numbers_in, read, runs, spread, whole

PERMUTATIONS = 128
MOST_MISSED = 0.01
"""Share of the pairs at the threshold itself that a banding may miss."""
_PAIR = np.uint64(32)


class Banding(NamedTuple):
    """``bands`` pieces of a signature, each of ``width`` values."""

    bands: int
    width: int

    @property
    def columns(self) -> list[str]:
        return [f"band_{k}" for k in range(self.bands)]


def banding(threshold: float | None) -> Banding:
    """The widest bands (the fewest candidates) that miss at most 1 % of the pairs whose similarity is ``threshold``;
    none without a threshold."""
    if threshold is None:
        return Banding(0, 0)
    choices = [Banding(PERMUTATIONS // width, width) for width in range(PERMUTATIONS, 0, -1)]
    return next((it for it in choices if (1 - threshold**it.width) ** it.bands <= MOST_MISSED), choices[-1])


class Sketcher:
    """Makes the sketches of texts.

    ``words`` and ``characters``: words of a shingle of a text in words, or in CJK characters. ``numbers_agree``: texts
    with other numbers in them share no band.
    """

    def __init__(self, bands: Banding, words: int, characters: int, numbers_agree: bool) -> None:
        from datasketch import MinHash  # imports scipy, which reading a recipe can do without

        self.bands, self.words, self.characters, self.numbers_agree = bands, words, characters, numbers_agree
        self.minhash = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=_as_it_is)

    def schema(self) -> pa.Schema:
        """``n`` names a text, ``digest`` is its words' hash, ``shingles`` are hashes of 32 bits, sorted, each once."""
        keys = [(name, pa.uint64()) for name in self.bands.columns]
        return pa.schema([("n", pa.uint32()), ("digest", pa.uint64()), ("shingles", pa.list_(pa.uint32())), *keys])

    def table(self, names: Sequence[int], texts: Sequence[str]) -> pa.Table:
        """The sketches of ``texts``; a text without a word has none."""
        kept, digests, salts = list[int](), list[int](), list[int]()
        signatures, shingles, ends = list[np.ndarray](), [np.empty(0, np.uint32)], [0]
        for name, text in zip(names, texts, strict=True):
            reading = read(text)
            if not reading.words:
                continue
            hashed = hashes(reading.words)
            mine = np.unique(runs(hashed, reading.length(self.words, self.characters)).astype(np.uint32))
            kept.append(name)
            digests.append(whole(hashed))
            shingles.append(mine)
            ends.append(ends[-1] + len(mine))
            salts.append(whole(hashes(sorted(numbers_in(reading.words)))) if self.numbers_agree else 0)
            if self.bands.bands:
                signatures.append(self._signature(mine))
        flat = pa.array(np.concatenate(shingles), pa.uint32())
        columns: dict[str, Any] = {
            "n": pa.array(kept, pa.uint32()),
            "digest": pa.array(digests, pa.uint64()),
            "shingles": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat),
        }
        keys = self._band_keys(np.array(signatures, np.uint64).reshape(-1, PERMUTATIONS), np.array(salts, np.uint64))
        return pa.table(columns | dict(zip(self.bands.columns, keys, strict=True)), schema=self.schema())

    def _signature(self, shingles: np.ndarray) -> np.ndarray:
        self.minhash.clear()
        self.minhash.update_batch(shingles.tolist())
        return self.minhash.digest()

    def _band_keys(self, signatures: np.ndarray, salts: np.ndarray) -> list[pa.Array]:
        """One hash a band and text: equal for two texts where their signatures agree in that band."""
        keys, width = [], self.bands.width
        for band in range(self.bands.bands):
            mixed = salts
            for k in range(band * width, (band + 1) * width):
                mixed = mixed * FACTOR + signatures[:, k]
            keys.append(pa.array(spread(mixed), pa.uint64()))
        return keys


def jaccard(one: pa.ListArray, other: pa.ListArray) -> np.ndarray:
    """The similarity of each pair of shingle sets, 0 to 1. Both hold sorted hashes of 32 bits, each once."""
    sizes = [np.asarray(side.value_lengths(), np.int64) for side in (one, other)]
    tagged = [
        np.repeat(np.arange(len(side), dtype=np.uint64) << _PAIR, size) | np.asarray(side.flatten()).astype(np.uint64)
        for side, size in zip((one, other), sizes, strict=True)
    ]
    both = np.intersect1d(*tagged, assume_unique=True)
    shared = np.bincount((both >> _PAIR).astype(np.int64), minlength=len(one))
    return shared / (sizes[0] + sizes[1] - shared)


def _as_it_is(shingle: int) -> int:
    """What datasketch hashes a shingle with: it is a hash already."""
    return shingle
