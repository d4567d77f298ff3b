"""How many rows a source has, and how many of its records are malformed, before a run starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from distilray.sources.counts import SourceCount
from distilray.sources.formats.malformed import Malformed
from distilray.sources.ingest import DESCRIBE, RowReader, check_source
from distilray.sources.readers import read_records
from distilray.sources.settings import Source, SourceError

CONVERTED = 20_000
"""Records of a source that become rows to see whether they can; the others are read and counted."""


@dataclass
class SourceSurvey:
    name: str
    allowed: float = 1
    """The source's ``lost_share``."""
    count: SourceCount = field(default_factory=SourceCount)
    first: str = ""
    """Why the first malformed record is, and where it is."""
    columns: set[str] = field(default_factory=set)
    """Those that some usable row has, of the first ``CONVERTED``."""

    @property
    def usable(self) -> int:
        return self.count.rows - self.count.failed

    @property
    def knows_columns(self) -> bool:
        """Whether every row was looked at for :attr:`columns`."""
        return self.count.rows <= CONVERTED

    @property
    def warnings(self) -> list[str]:
        """What is malformed, or cannot be read, as one line each."""
        found = [f"source {self.name}: cannot be read to its end, {text}" for text in self.count.ended_early]
        if self.count.lost > len(found):
            of = f"{self.count.lost:,} of {self.count.rows + self.count.unread:,} records"
            looked = f" (of the first {CONVERTED:,})" if self.count.rows > CONVERTED else ""
            found.append(f"source {self.name}: {of} malformed{looked}, the first: {self.first}")
        if self.count.too_much(self.allowed):
            found[-1] += f"; that is more than its lost_share of {self.allowed:g}, so a run ends with exit code 1"
        return found


def survey_source(source: Source) -> SourceSurvey:
    """Reads ``source`` through, up to its limit. Raises :class:`SourceError` as :func:`check_source` does."""
    survey = SourceSurvey(source.name, source.lost_share)
    count = survey.count
    for file in check_source(source):
        reader = RowReader(source, file)
        for position, record in read_records(source, file):
            made: list[dict | None]
            if isinstance(record, Malformed):
                count.malformed(record)
                made = [reader.failed(position, None, record.why)]
            else:
                made = [*reader.rows(position, record)] if count.rows < CONVERTED else [None]
                count.record(len(made))
            for row in made:
                failed = row is not None and row.get("outcome") == "failed"
                count.row(failed)
                if row and failed and not survey.first:
                    survey.first = row["reason"].removeprefix("malformed: ")
                elif row and not failed:
                    survey.columns.update(name for name, value in row.items() if value is not None)
                if count.rows == source.limit:
                    return _usable(source, survey)
    return _usable(source, survey)


def _usable(source: Source, survey: SourceSurvey) -> SourceSurvey:
    if not survey.usable:
        raise SourceError(
            f"source {source.name!r}", f"gives no usable row; the first is malformed: {survey.first}", DESCRIBE
        )
    return survey
