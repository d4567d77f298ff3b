"""What a runner works on at once: bounded by rows and by bytes, never by units.

A unit ends with its slowest row, and replies take very different times. With a bound on units the places of the
engines fall empty while many units wait for one row each: at a spread of sigma 0.8, five units of 256 rows kept 36 %
of 256 places busy. Here the next unit is opened whenever rows that may be worked on would run out.
"""

from __future__ import annotations

from dataclasses import dataclass

AHEAD = 4
"""The next unit is opened when fewer rows than a quarter of the places wait for one: reading it takes time."""


@dataclass
class Admission:
    """The policy, without I/O: the runner (and the simulator) tells what happens and asks what may."""

    places: int
    """Rows that may be worked on at once."""
    most_bytes: int
    """Bytes of the units that may be open at once. A single larger one may, too."""
    unit_rows: int
    """Rows that a unit is expected to have before it is read."""
    open: int = 0
    """Units opened and not yet closed."""
    waiting: int = 0
    """Rows of open units that wait for a place."""
    taken: int = 0
    """Rows that are worked on."""
    held: int = 0
    """Bytes of the open units that have been read."""
    reading: int = 0
    """Units that are being read."""
    largest: int | None = None
    """Bytes of the largest unit so far: what those being read may have. None before the first was read."""

    def may_open(self) -> bool:
        """Whether another unit may be opened now."""
        if not self.open:
            return True
        if self.largest is None or self.held + (self.reading + 1) * self.largest > self.most_bytes:
            return False
        return self.waiting - (self.places - self.taken) < self.places / AHEAD

    def opens(self) -> None:
        """A unit is about to be read."""
        self.open += 1
        self.reading += 1
        self.waiting += self.unit_rows

    def opened(self, rows: int, size: int) -> None:
        """It was: ``rows`` rows, ``size`` bytes."""
        self.reading -= 1
        self.waiting += rows - self.unit_rows
        self.held += size
        self.largest = max(size, self.largest or 0)

    def admits(self) -> bool:
        """Whether a row that waits may have a place."""
        return self.taken < self.places

    def admit(self) -> None:
        self.waiting -= 1
        self.taken += 1

    def ends(self) -> None:
        """A row has left the phase."""
        self.taken -= 1

    def closes(self, waiting: int, size: int | None) -> None:
        """A unit is published, or given up with ``waiting`` rows that never had a place; ``size`` is None if it was
        never read."""
        self.open -= 1
        if size is None:
            self.reading -= 1
            size = 0
        self.waiting -= waiting
        self.held -= size
