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
_NONE = np.empty(0, np.uint64)


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
        self.wordings: dict[str, list[tuple[int, list[np.ndarray]]]] = {}
        """Of each benchmark: its questions, each with the runs of all its wordings."""

    def add(self, benchmark: str, question: str, *wordings: str) -> None:
        """A question in one wording or several: as it is asked, and without the options and instructions around it. A
        text has the question if it has any of them."""
        number = len(self.questions)
        readings = [reading for reading in map(read, dict.fromkeys(wordings)) if reading.words]
        if not readings:
            return
        self.questions.append((benchmark, question))
        own = []
        for reading in readings:
            hashed, length = hashes(reading.words), reading.length(self.words, self.characters)
            self.exact.setdefault(whole(hashed), number)
            own.append(np.unique(runs(hashed, length)) if len(hashed) >= length else _NONE)
        self.wordings.setdefault(benchmark, []).append((number, own))

    def frozen(self) -> FrozenIndex:
        keys, owners, questions = [_NONE], [np.empty(0, np.int64)], list[int]()
        for asked in self.wordings.values():
            each = [np.unique(np.concatenate(own)) for _, own in asked]
            known, frequency = np.unique(np.concatenate(each), return_counts=True)
            for number, own in asked:
                for mine in own:
                    telling = mine[frequency[np.searchsorted(known, mine)] <= COMMON]
                    keys.append(telling)
                    owners.append(np.full(len(telling), len(questions), np.int64))
                    questions.append(number)
        return FrozenIndex(self, np.concatenate(keys), np.concatenate(owners), questions)


class FrozenIndex:
    """Wordings by their runs: 16 bytes for each run of each wording, whatever the number of texts."""

    def __init__(self, index: QuestionIndex, keys: np.ndarray, owners: np.ndarray, questions: list[int]) -> None:
        order = np.argsort(keys, kind="stable")
        self.index, self.owners, self.questions = index, owners[order], questions
        self.keys, self.starts = np.unique(keys[order], return_index=True)
        self.ends = np.append(self.starts[1:], len(keys))
        self.sizes = np.bincount(self.owners, minlength=len(questions))

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
        places = self._places(found)
        if not len(places):
            return None
        owners = np.concatenate([self.owners[self.starts[place] : self.ends[place]] for place in places])
        numbers, shared = np.unique(owners, return_counts=True)
        shares = shared / self.sizes[numbers]
        best = int(np.argmax(shares))
        return Hit(*self.index.questions[self.questions[int(numbers[best])]], float(shares[best]))

    def _places(self, found: np.ndarray) -> np.ndarray:
        """Where the keys among ``found`` are."""
        if not len(self.keys):
            return np.empty(0, np.int64)
        places = np.searchsorted(self.keys, found)
        places[places == len(self.keys)] = 0
        return places[self.keys[places] == found]
