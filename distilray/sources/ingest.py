"""Converts the records of a source to rows of the core schema; malformed records become ``failed`` rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import msgspec
import pyarrow as pa
from pyarrow import fs

from distilray.rows import MalformedRecord, content_hash, guess_language, language_code, row_id, schema_with, to_table
from distilray.sources.counts import SourceCount
from distilray.sources.files import SourceFile, list_files
from distilray.sources.formats.malformed import Malformed
from distilray.sources.forms import FORMS, Conversation, Record, explode_record, recognise, take_reference
from distilray.sources.marks import UNTRAINED, take_marks
from distilray.sources.nested import drop_no_numbers, is_no_number
from distilray.sources.parts import Part
from distilray.sources.readers import read_records
from distilray.sources.settings import Source, SourceError
from distilray.sources.turns import as_text

FIRST = 20
"""Rows of a source that are looked at before a run starts."""
DESCRIBE = "Describe its records with `columns` or `form`"

_KEYS = {"answer": "output"}
"""Our field name to the record key that its form looks for first, where they differ."""

_json = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def rows_of(
    source: Source, file: SourceFile, count: SourceCount | None = None, part: Part | None = None, after: int = 0
) -> Iterator[dict[str, Any]]:
    """The rows of one file, or of a ``part`` of it: the core columns that are set, and the source's ``keep`` columns.

    A record that cannot be used is a row with ``outcome`` ``"failed"`` and a reason that names file and
    position: ``"malformed: trace without an end; part-0.jsonl:17"``; the part before the first
    semicolon is countable. Other rows have no outcome yet. ``count`` grows with what is read.
    The caller enforces ``source.limit`` (see :func:`read_batches`), since it spans files. Records up to the position
    ``after`` are passed over.
    """
    count = SourceCount() if count is None else count
    return (row for row, _ in _rows_and_remedies(source, file, count, part, after))


def _rows_and_remedies(
    source: Source, file: SourceFile, count: SourceCount, part: Part | None = None, after: int = 0
) -> Iterator[tuple[dict[str, Any], str]]:
    """Rows of the records behind the position ``after``, and what helps where one failed."""
    reader = RowReader(source, file)
    for position, record in read_records(source, file, part):
        if position <= after:
            continue
        if isinstance(record, Malformed):
            count.malformed(record)
            made = [reader.failed(position, None, record.why)]
            remedy = record.remedy or DESCRIBE
        else:
            made, remedy = list(reader.rows(position, record)), DESCRIBE
            count.record(len(made))
        for row in made:
            count.row(row.get("outcome") == "failed")
            yield row, remedy
    count.check(f"source {source.name!r}, file {file.name}")


def batches(
    source: Source,
    file: SourceFile,
    size: int,
    schema: pa.Schema | None = None,
    limit: int | None = None,
    count: SourceCount | None = None,
    part: Part | None = None,
    after: int = 0,
) -> Iterator[pa.Table]:
    """The rows of one file, or of a ``part`` of it, as tables of ``size`` rows (the last may have fewer), ``limit``
    rows at most.

    ``schema`` is the core schema and the source's ``keep`` columns if not given; columns of it that this
    source does not have are null. ``count`` grows with what is read. Records up to the position
    ``after`` are passed over.
    """
    schema = schema or schema_with(source.keep)
    rows: list[dict[str, Any]] = []
    left = limit if limit is not None else -1
    for row in rows_of(source, file, count, part, after) if left else ():
        rows.append(row)
        left -= 1
        if len(rows) == size or left == 0:
            yield to_table(rows, schema)
            rows = []
        if left == 0:
            return
    if rows:
        yield to_table(rows, schema)


def read_batches(source: Source, size: int, schema: pa.Schema | None = None) -> Iterator[pa.Table]:
    """The rows of all files of ``source``, up to its ``limit``. No table holds rows of two files."""
    left = source.limit
    for file in list_files(source):
        for table in batches(source, file, size, schema, left):
            left = None if left is None else left - table.num_rows
            yield table


def check_source(source: Source, filesystem: fs.FileSystem | None = None) -> list[SourceFile]:
    """The files of ``source``, after its first rows have been read: what can be checked before a run starts.

    Raises:
        SourceError: as :func:`list_files`; or there is no record at all, or the first 20 are all malformed.
    """
    files = list_files(source, filesystem)
    found = chain.from_iterable(_rows_and_remedies(source, file, SourceCount()) for file in files)
    first = list(islice(found, FIRST))
    place = f"source {source.name!r}, {'path' if source.path else 'uses'} {source.path or source.uses}"
    if not first:
        raise SourceError(place, "holds no record", "Name files that hold at least one record")
    if all(row.get("outcome") == "failed" for row, _ in first):
        row, remedy = first[0]
        if len(first) == 1:
            raise SourceError(place, f"has no usable row; the only one is {row['reason']}", remedy)
        why = f"has no usable row among the first {len(first)}; the first is {row['reason']}"
        raise SourceError(place, why, remedy)
    return files


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return None if pattern is None else re.compile(pattern)


class RowReader:
    """Makes rows of the records of one file, as its source describes them."""

    def __init__(self, source: Source, file: SourceFile) -> None:
        self.source = source
        self.file = file
        self.reference_pattern = _compiled(source.reference_pattern)
        self.trace_pattern = _compiled(source.trace_pattern)
        self.form = FORMS.get(source.form)

    def rows(self, position: int, record: Record) -> Iterator[dict[str, Any]]:
        try:
            records = explode_record(self._in_our_words(record))
        except MalformedRecord as error:
            yield self.failed(position, None, str(error))
            return
        for k, one in enumerate(records, 1):
            part = k if len(records) > 1 else None
            missing = drop_no_numbers(one)
            try:
                yield self._row(position, part, one)
            except MalformedRecord as error:
                lacks = f"; {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} NaN or infinite"
                yield self.failed(position, part, f"{error}{lacks if missing else ''}")
            except UnicodeEncodeError:
                yield self.failed(position, part, "text with half of a surrogate pair")
            except RecursionError:
                yield self.failed(position, part, "nested too deeply")

    def failed(self, position: int, part: int | None, why: str) -> dict[str, Any]:
        return {
            "id": row_id(self.source.name, self.file.name, position, part),
            "source": self.source.name,
            "language": self.source.language,
            "task": self.source.task,
            "outcome": "failed",
            "reason": f"malformed: {why}; {self.file.name}:{position}",
        }

    def _in_our_words(self, record: Record) -> Record:
        if not self.source.columns:
            return record
        found: Record = {}
        for ours, theirs in self.source.columns.items():
            if theirs not in record:
                raise MalformedRecord(f"no column {theirs!r}")
            found[_KEYS.get(ours, ours)] = record[theirs]
        taken = set(self.source.columns.values())
        rest = {key: value for key, value in record.items() if key not in taken}
        # a column that happens to have one of our names is kept under a name that no form reads
        return {**{(f"{key}_" if key in found else key): value for key, value in rest.items()}, **found}

    def _row(self, position: int, part: int | None, record: Record) -> dict[str, Any]:
        source = self.source
        if "label" in source.keep and "label" not in record and "kto_tag" in record:
            record["label"] = record.pop("kto_tag")
        kept = {name: self._kept(record.pop(name, None), name, kind) for name, kind in source.keep.items()}
        if record.get("finish_reason") == "length":
            raise MalformedRecord("answer cut by length")
        reference = take_reference(record)
        conversation = (self.form or recognise(record))(record)
        if source.form == "trace" and not (conversation.reasoning or self.trace_pattern):
            raise MalformedRecord("no trace")
        if self.reference_pattern:
            found = self.reference_pattern.search(reference or conversation.answer or conversation.reasoning or "")
            if found is None:
                raise MalformedRecord("reference_pattern is not found")
            reference = found[1].strip()
        if self.trace_pattern:
            self._part(conversation)
        if source.answers == "drop":
            conversation.reasoning = conversation.answer = conversation.rejected_answer = None
        if source.system == "drop" and conversation.messages[0]["role"] == "system":
            del conversation.messages[0]
        marks = take_marks(conversation.messages)
        if source.answers == "drop":
            marks.pop(UNTRAINED, None)
        language, task = self._language_and_task(record, conversation)
        row: dict[str, Any] = {
            "id": row_id(source.name, self.file.name, position, part),
            "source": source.name,
            "content_hash": content_hash(conversation.messages, conversation.answer),
            "language": language,
            "task": task,
            "messages": conversation.messages,
            "reference": reference,
            "reasoning": conversation.reasoning,
            "answer": conversation.answer,
            "rejected_answer": conversation.rejected_answer,
            **kept,
        }
        for text in (reference, conversation.reasoning, conversation.rejected_answer):
            if text is not None and not text.isascii():
                text.encode()  # the texts that the hash has not seen: Arrow must be able to hold them
        extra = {key: value for key, value in record.items() if value is not None and value != ""} | marks
        if extra:
            row["extra"] = _json.encode(extra).decode()
        return row

    def _part(self, conversation: Conversation) -> None:
        assert self.trace_pattern
        found = self.trace_pattern.search(conversation.answer or "")
        if found is None:
            raise MalformedRecord("trace_pattern does not match")
        conversation.reasoning, conversation.answer = found["reasoning"].strip(), found["answer"].strip()

    def _kept(self, value: Any, name: str, kind: str) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            value = [None if is_no_number(item) else item for item in value]
        try:
            return pa.scalar(
                float(value) if kind == "float" else value, schema_with({name: kind}).field(name).type
            ).as_py()
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
            raise MalformedRecord(f"{name} is not of type {kind}") from error

    def _language_and_task(self, record: Record, conversation: Conversation) -> tuple[str, str | None]:
        language, task = self.source.language, self.source.task
        if language is None and isinstance(record.get("language"), str):
            language = language_code(record["language"])
            if language:
                del record["language"]
        if task is None and record.get("task"):
            task = as_text(record.pop("task"), "task")
        return language or guess_language(conversation.messages[-1]["content"]), task
