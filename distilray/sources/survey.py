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
    count: SourceCount = field(default_factory=SourceCount)
    first: str = ""
    """Why the first malformed record is, and where it is."""

    @property
    def usable(self) -> int:
        return self.count.rows - self.count.failed

    @property
    def warnings(self) -> list[str]:
        """What is malformed, or cannot be read, as one line each."""
        found = [f"source {self.name}: cannot be read to its end, {text}" for text in self.count.ended_early]
        if self.count.lost > len(found):
            of = f"{self.count.lost:,} of {self.count.rows + self.count.unread:,} records"
            looked = f" (of the first {CONVERTED:,})" if self.count.rows > CONVERTED else ""
            found.append(f"source {self.name}: {of} malformed{looked}, the first: {self.first}")
        return found


def survey_source(source: Source) -> SourceSurvey:
    """Reads ``source`` through, up to its limit. Raises :class:`SourceError` as :func:`check_source` does."""
    survey = SourceSurvey(source.name)
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
                if count.rows == source.limit:
                    return _usable(source, survey)
    return _usable(source, survey)


def _usable(source: Source, survey: SourceSurvey) -> SourceSurvey:
    if not survey.usable:
        raise SourceError(
            f"source {source.name!r}", f"gives no usable row; the first is malformed: {survey.first}", DESCRIBE
        )
    return survey
