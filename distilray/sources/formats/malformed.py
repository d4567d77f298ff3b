"""What cannot be used of a file: one record, or everything from some place on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COPY_AGAIN = "Copy or download the file again"


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be used: why (countable up to the first semicolon), and where (``file:position``)."""

    why: str
    place: str = ""
    remedy: str = ""
    """What helps against this; empty where it depends on what the source's settings say."""
    records: int | None = 1
    """How many records it stands for; None: all to the end of the file, nobody knows how many."""


def rest_of_file(why: str, remedy: str) -> Malformed:
    """What stands for everything from some place to the end of a file."""
    return Malformed(f"unreadable from here to the end of the file; {why}", "", remedy, None)


class Unreadable(Exception):
    """The bytes of a file cannot be read further, because of what they are; everything before has been given."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why, self.remedy = why, remedy

    def rest(self) -> Malformed:
        """What stands for the rest of the file."""
        return rest_of_file(self.why, self.remedy)


Found = Iterator[tuple[int, Any]]
"""Positions from 1, and a value (an object with named fields, if it is a record) or what stands in its place."""
