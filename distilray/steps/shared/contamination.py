"""An index of benchmarks' questions by their runs of words, and what a text shares with them.

    index = QuestionIndex(words=8, characters=12)
    index.add("gsm8k", "gsm8k/test.jsonl:17", "Natalia sold clips to 48 of her friends in April ...")
    index.frozen().best("Rewrite: natalia sold clips to 48 of her friends in April, and ...")   # Hit("gsm8k", ..., 0.9)

The share is that of the question's runs that the text has. A run that more than ``COMMON`` questions of one benchmark
have is its wording, not its content ("which of the following statements is"), and does not count. A question that is
shorter than a run, or has no run of its own, is found only where a text is that question and nothing else.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from distilray.steps.shared.shingles import hashes, read, runs, whole

COMMON = 10


class Hit(NamedTuple):
    benchmark: str
    question: str
    share: float


class QuestionIndex:
    """Collects questions; :meth:`frozen` makes them searchable."""

    def __init__(self, words: int, characters: int) -> None:
        self.words, self.characters = words, characters
        self.questions: list[tuple[str, str]] = []
        """Benchmark and id of each."""
        self.exact: dict[int, int] = {}
        """Hash of all words to the first question that has them."""
        self.of_benchmark: dict[str, list[tuple[int, np.ndarray]]] = {}

    def add(self, benchmark: str, question: str, text: str) -> None:
        reading = read(text)
        if not reading.words:
            return
        number, hashed = len(self.questions), hashes(reading.words)
        self.questions.append((benchmark, question))
        self.exact.setdefault(whole(hashed), number)
        length = reading.length(self.words, self.characters)
        own = np.unique(runs(hashed, length)) if len(hashed) >= length else np.empty(0, np.uint64)
        self.of_benchmark.setdefault(benchmark, []).append((number, own))

    def frozen(self) -> FrozenIndex:
        keys, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for asked in self.of_benchmark.values():
            mine = np.concatenate([own for _, own in asked])
            theirs = np.repeat([number for number, _ in asked], [len(own) for _, own in asked])
            _, place, frequency = np.unique(mine, return_inverse=True, return_counts=True)
            telling = frequency[place] <= COMMON
            keys.append(mine[telling])
            owners.append(theirs[telling])
        return FrozenIndex(self, np.concatenate(keys), np.concatenate(owners))


class FrozenIndex:
    """Questions by their runs: 16 bytes for each run of each question, whatever the number of texts."""

    def __init__(self, index: QuestionIndex, keys: np.ndarray, owners: np.ndarray) -> None:
        order = np.argsort(keys, kind="stable")
        self.index, self.owners = index, owners[order].astype(np.int64)
        self.keys, self.starts = np.unique(keys[order], return_index=True)
        self.ends = np.append(self.starts[1:], len(keys))
        self.sizes = np.bincount(self.owners, minlength=len(index.questions))

    def asked(self) -> list[dict[str, Any]]:
        """Each benchmark with the number of its questions."""
        counted = Counter(benchmark for benchmark, _ in self.index.questions)
        return [{"benchmark": benchmark, "questions": number} for benchmark, number in counted.items()]

    def best(self, text: str) -> Hit | None:
        """The question of which ``text`` has the largest share; None if it has no run of any."""
        reading = read(text)
        if not reading.words:
            return None
        hashed = hashes(reading.words)
        number = self.index.exact.get(whole(hashed))
        if number is not None:
            return Hit(*self.index.questions[number], 1.0)
        lengths = {self.index.words} if text.isascii() else {self.index.words, self.index.characters}
        found = np.unique(np.concatenate([runs(hashed, length) for length in sorted(lengths)]))
        places = np.searchsorted(self.keys, found)
        places[places == len(self.keys)] = 0
        places = places[self.keys[places] == found] if len(self.keys) else places[:0]
        if not len(places):
            return None
        owners = np.concatenate([self.owners[self.starts[place] : self.ends[place]] for place in places])
        numbers, shared = np.unique(owners, return_counts=True)
        shares = shared / self.sizes[numbers]
        best = int(np.argmax(shares))
        return Hit(*self.index.questions[int(numbers[best])], float(shares[best]))
