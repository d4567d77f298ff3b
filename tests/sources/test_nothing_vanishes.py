"""Whatever is done to a file: every record is a row or a failed one, and the reader says what it could not read.

Hypothesis makes the records, the way in which they are written, and the damage.
"""

from __future__ import annotations

import bz2
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distilray.sources import Source, SourceCount, list_files, rows_of

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
RECORD = st.fixed_dictionaries(
    {"instruction": TEXT.filter(str.strip), "output": TEXT},
    optional={
        "score": st.floats() | st.integers(),
        "messages_": st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=2),
    },
)
RECORDS = st.lists(RECORD, min_size=1, max_size=8)
NOT_JSON = [
    '"un"escaped"',
    "undefined",
    "'single'",
    '"\\ud800"',
    "[1, 2",
    '"no end',
    "\x00",
    '"\\q"',
    "NaN.",
    '{"a" 1}',
]
COMPRESSORS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    ".lz4": lambda data: pa.compress(data, "lz4", asbytes=True),
}
quickly = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def read(name: str, content: bytes) -> tuple[list[dict[str, Any]], SourceCount]:
    """The rows of a file, and what its reader counted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        source = Source(name="s", path=str(path))
        count = SourceCount()
        rows = [row for file in list_files(source) for row in rows_of(source, file, count)]
    assert count.records + count.parts == count.rows + count.unread
    assert (count.rows, count.failed) == (len(rows), sum(row.get("outcome") == "failed" for row in rows))
    assert len({row["id"] for row in rows}) == len(rows)
    return rows, count


def asked(rows: list[dict[str, Any]]) -> list[str]:
    return [row["messages"][0]["content"] for row in rows if row.get("outcome") is None]


def is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def instructions(records: list[dict[str, Any]]) -> list[str]:
    return [record["instruction"] for record in records]


def as_json(records: list[Any], form: str, indent: int | None, ascii_only: bool) -> str:
    texts = [json.dumps(record, indent=indent, ensure_ascii=ascii_only) for record in records]
    if form == "keyed":
        return "{" + ", ".join(f'"k{k}": {text}' for k, text in enumerate(texts)) + "}"
    return {"array": "[{}]", "data": '{{"data": [{}]}}', "train": '{{"train": [{}], "n": 1}}'}[form].format(
        ", ".join(texts)
    )


FORM, INDENT = st.sampled_from(["array", "data", "train", "keyed"]), st.sampled_from([None, 0, 2])


@quickly
@given(RECORDS, FORM, INDENT, st.booleans(), st.data())
def test_a_value_that_is_none_costs_one_record_of_a_document(
    records: list[dict[str, Any]], form: str, indent: int | None, ascii_only: bool, data: st.DataObject
) -> None:
    hit = data.draw(st.integers(0, len(records) - 1))
    marked = [{**record, "marked": "HERE"} if k == hit else record for k, record in enumerate(records)]
    text = as_json(marked, form, indent, ascii_only).replace('"HERE"', data.draw(st.sampled_from(NOT_JSON)))
    rows, count = read("a.json", text.encode())
    assert asked(rows)[:hit] == instructions(records[:hit])
    assert asked(rows) == instructions(records[:hit] + records[hit + 1 :])
    if hit < len(records) - 1:
        assert (count.records, count.failed, count.ended_early) == (len(records), 1, [])
    else:  # a bracket that the last one lacks is taken from what closes the file
        assert count.failed >= 1


@quickly
@given(RECORDS, st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]), st.data())
def test_a_line_that_is_none_costs_one_record(
    records: list[dict[str, Any]], ascii_only: bool, end: str, data: st.DataObject
) -> None:
    lines = [json.dumps(record, ensure_ascii=ascii_only).encode() for record in records]
    bad = data.draw(st.sets(st.integers(0, len(lines) - 1)))
    for k in bad:
        lines[k] = (
            b'{"instruction": '
            + data.draw(st.sampled_from([*NOT_JSON, "\udcff"])).encode("utf-8", "surrogateescape")
            + b"}"
        )
    rows, count = read("a.jsonl", end.encode().join(lines) + end.encode())
    assert asked(rows) == [one for k, one in enumerate(instructions(records)) if k not in bad]
    assert (count.records, count.failed, count.ended_early) == (len(records), len(bad), [])


@quickly
@given(RECORDS, st.sampled_from(["lines", "array", "data", "train", "keyed"]), INDENT, st.data())
def test_any_damage_to_a_text_is_told(
    records: list[dict[str, Any]], form: str, indent: int | None, data: st.DataObject
) -> None:
    """Bytes are cut out, put in or replaced: what differs from the whole file's rows has a failed row for it."""
    text = "\n".join(map(json.dumps, records)) if form == "lines" else as_json(records, form, indent, False)
    content = text.encode("utf-8", "surrogatepass")
    at, length = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 20))
    damaged = content[:at] + data.draw(st.binary(max_size=5)) + content[at + length :]
    if not damaged or (form != "lines" and is_json(damaged)):  # then it says something else, and nobody can tell
        return
    rows, count = read("a.json", damaged)
    if count.failed == 0 and len(asked(rows)) < len(records):
        whole = [json.dumps(record, ensure_ascii=False).encode() for record in records]
        assert sum(one in damaged for one in whole) <= len(asked(rows)), damaged


@quickly
@given(RECORDS, st.sampled_from(sorted(COMPRESSORS)), st.booleans(), st.floats(0, 1))
def test_compressed_data_cut_anywhere_is_read_so_far_and_told(
    records: list[dict[str, Any]], ending: str, lines: bool, share: float
) -> None:
    text = "".join(json.dumps(record) + "\n" for record in records) if lines else json.dumps(records)
    whole = COMPRESSORS[ending](text.encode())
    cut = whole[: int(len(whole) * share)]
    if not cut:
        return
    rows, count = read(f"a.jsonl{ending}", cut)
    assert asked(rows) == instructions(records)[: len(asked(rows))]
    assert len(cut) == len(whole) or count.failed


@quickly
@given(RECORDS, st.integers(1, 4), st.sampled_from(["none", "snappy", "zstd"]), st.data())
def test_a_damaged_parquet_file_has_as_many_rows_as_it_says(
    records: list[dict[str, Any]], group: int, compression: str, data: st.DataObject
) -> None:
    columns = {name: [record.get(name) for record in records] for name in ("instruction", "output")}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, row_group_size=group, compression=compression, write_page_checksum=True)
    content = bytearray(sink.getvalue().to_pybytes())
    footer = int.from_bytes(content[-8:-4], "little") + 8
    if data.draw(st.booleans()):  # in the data
        content[data.draw(st.integers(4, len(content) - footer - 1))] ^= data.draw(st.integers(1, 255))
        rows, count = read("a.parquet", bytes(content))
        assert count.ended_early or count.rows + count.unread == len(records)
    else:
        cut = content[: data.draw(st.integers(1, len(content) - 1))]
        rows, count = read("a.parquet", bytes(cut))
        assert count.ended_early and not asked(rows)


@pytest.mark.parametrize("kind", ["stream", "file"])
@quickly
@given(RECORDS, st.floats(0, 1))
def test_an_arrow_file_cut_anywhere_is_read_so_far_and_told(
    kind: str, records: list[dict[str, Any]], share: float
) -> None:
    table = pa.table({name: [record.get(name) for record in records] for name in ("instruction", "output")})
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file)(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    whole = sink.getvalue().to_pybytes()
    cut = whole[: int(len(whole) * share)]
    if not cut:
        return
    rows, count = read("a.arrow", cut)
    assert asked(rows) == instructions(records)[: len(asked(rows))]
    assert len(cut) == len(whole) or count.failed
