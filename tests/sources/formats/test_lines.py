"""JSON lines: a line fails alone, whatever is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.sources.formats import scanner
from distilray.sources.formats.lines import _lines
from tests.support.source_files import found, records, whys, written

A, B = {"instruction": "a"}, {"instruction": "b"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"instruction": "a', "not JSON; Unterminated string"),
        (b'{"instruction": "caf\xe9"}', "not UTF-8; byte 21 is 0xe9"),
        (b'{"instruction": "\\ud83d"}', "text with half of a surrogate pair"),
        (b'{"instruction": "\xed\xa0\xbd"}', "text with half of a surrogate pair"),
        (b"{'instruction': 'a'}", "not JSON; Expecting property name enclosed in double quotes at character 2"),
        (b'{"instruction": "a"} {"instruction": "b"}', "not JSON; Extra data"),
        (b'{"k": ' + b"9" * 5000 + b"}", "not usable JSON; Exceeds the limit"),
        (b'{"k": ' + b"[" * 5000 + b"]" * 5000 + b"}", "not usable JSON; nested too deeply"),
        (b"\0\0\0\0", "not JSON; it has NUL bytes"),
        (b"[1]", "not an object with named fields"),
    ],
)
def test_a_line_that_is_no_record_fails_alone(tmp_path: Path, line: bytes, why: str) -> None:
    content = b"\n".join([json.dumps(A).encode(), line, b"", json.dumps(B).encode(), b""])
    (_, first), (position, bad), (last_position, last) = found(written(tmp_path / "a.jsonl", content))
    assert (first, last, position, last_position) == (A, B, 2, 4)
    assert bad.why.startswith(why)
    assert (bad.place, bad.records) == ("a.jsonl:2", 1)


def test_numbers_that_json_does_not_have_are_read(tmp_path: Path) -> None:
    (record,) = records(written(tmp_path / "a.jsonl", '{"a": NaN, "b": -Infinity, "c": 1e999, "d": "NaN"}'))
    assert str(record) == "{'a': nan, 'b': -inf, 'c': inf, 'd': 'NaN'}"


def test_a_last_line_without_its_end_is_the_end_of_more(tmp_path: Path) -> None:
    cut, whole = json.dumps(A) + "\n" + json.dumps(B)[:-3], json.dumps(A) + "\n" + "{'b': 1}"
    assert whys(written(tmp_path / "a.jsonl", cut))[1] == (
        "unreadable from here to the end of the file; it is cut short within its last line"
    )
    assert "cut short" not in str(whys(written(tmp_path / "b.jsonl", whole))[1])


def test_a_line_that_is_too_long_to_hold_is_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distilray.sources.formats.lines.MOST_BYTES", 100)
    lines = list(_lines(iter([b"a\n" + b"b" * 90, b"b" * 20, b"b\nc", b"d\n"])))
    assert lines == [(b"a", True), (None, True), (b"cd", True), (b"", False)]
    assert scanner.MOST_BYTES >= 1 << 28


def test_a_line_of_many_chunks_is_whole(tmp_path: Path) -> None:
    long = {"instruction": "x" * (5 << 20)}
    assert records(written(tmp_path / "a.jsonl", f"{json.dumps(long)}\n{json.dumps(A)}\n")) == [long, A]
