"""A final answer as it was found in a text."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """A final answer as it was written, and by which rule it was found.

    `others` are the values that could be meant as well, where the text does not say which of them is: an answer that
    is none of them all is wrong, but one of several is not a stated one.
    """

    answer: str
    how: str
    others: tuple[str, ...] = ()
