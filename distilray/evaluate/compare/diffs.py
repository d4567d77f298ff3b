"""The difference of two texts, word by word: what both have, what is gone and what is new.

text_diff("48 + 24 = 73", "48 + 24 = 72")
-> [DiffPart("same", "48 + 24 = "), DiffPart("gone", "73"), DiffPart("new", "72")]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Literal, NamedTuple

LONG = 3_000
"""Characters of a text that are compared and shown."""
_WORD = re.compile(r"\s+|[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|.", re.DOTALL)
"""A word, a run of white space, or one character of a script that is written without spaces."""


class DiffPart(NamedTuple):
    kind: Literal["same", "gone", "new"]
    text: str


def text_diff(before: str, after: str) -> list[DiffPart]:
    """The parts in order, none empty; of texts longer than :data:`LONG` their beginnings."""
    a, b = _WORD.findall(before[:LONG]), _WORD.findall(after[:LONG])
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    parts = [DiffPart("same", "".join(a[:head]))]
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    for _, start, end, begin, stop in SequenceMatcher(None, middle_a, middle_b).get_opcodes():
        if middle_a[start:end] == middle_b[begin:stop]:
            parts.append(DiffPart("same", "".join(middle_a[start:end])))
        else:
            parts += [DiffPart("gone", "".join(middle_a[start:end])), DiffPart("new", "".join(middle_b[begin:stop]))]
    parts.append(DiffPart("same", "".join(a[len(a) - tail :])))
    return _joined(part for part in parts if part.text)


def _common(a: list[str], b: list[str]) -> int:
    """How many words both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _joined(parts: Iterable[DiffPart]) -> list[DiffPart]:
    """Neighbours of one kind as one part."""
    found: list[DiffPart] = []
    for part in parts:
        if found and found[-1].kind == part.kind:
            found[-1] = DiffPart(part.kind, found[-1].text + part.text)
        else:
            found.append(part)
    return found
