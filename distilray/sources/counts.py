"""What became of a source's records, counted where they are read: ``records + parts == rows + unread``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from distilray.sources.formats.malformed import Malformed


@dataclass
class SourceCount:
    """Of one file, or of several."""

    records: int = 0
    """What the readers found: records, and those that they know to be there and could not read."""
    parts: int = 0
    """Rows in addition to one a record, where records made several."""
    rows: int = 0
    failed: int = 0
    """Rows, of ``rows``, that were malformed."""
    unread: int = 0
    """Records without a row of their own: they could not be read, and one failed row stands for all of them."""
    ended_early: list[str] = field(default_factory=list)
    """Files that could not be read to their ends, each with the reason; how much they lack nobody knows."""

    @property
    def lost(self) -> int:
        """Rows that could not be had, as far as is known."""
        return self.failed + self.unread

    @property
    def lost_share(self) -> float:
        return self.lost / max(self.rows + self.unread, 1)

    def too_much(self, allowed: float) -> bool:
        """Whether more was lost than a source's ``lost_share`` allows: of a file without its end nobody knows."""
        return allowed < 1 and (bool(self.ended_early) or self.lost_share > allowed)

    def malformed(self, record: Malformed) -> None:
        """A reader found ``record``, which becomes one failed row."""
        self.records += record.records or 1
        self.unread += (record.records or 1) - 1
        if record.records is None:
            self.ended_early.append(f"{record.place}: {record.why.partition('; ')[2] or record.why}")

    def record(self, rows: int) -> None:
        """A record was read, and became ``rows`` rows."""
        self.records += 1
        self.parts += rows - 1

    def row(self, failed: bool) -> None:
        self.rows += 1
        self.failed += failed

    def add(self, other: SourceCount) -> None:
        for name in ("records", "parts", "rows", "failed", "unread"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ended_early += other.ended_early

    @property
    def balanced(self) -> bool:
        """Whether every row of every record that was read has been counted: nothing has vanished."""
        return self.records + self.parts == self.rows + self.unread

    def check(self, place: str) -> None:
        """At the end of a file."""
        assert self.balanced, f"{place}: {self}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
