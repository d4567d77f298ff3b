"""A final answer as it was found in a text."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """A final answer as it was written, and by which rule it was found.

    `others` are values that could be meant as well: an answer that is one of them is not judged wrong. Where `settled`
    is False, the text does not say which of them all is meant, so that none is right, either.
    """

    answer: str
    how: str
    others: tuple[str, ...] = ()
    settled: bool = True
