"""Large files in parts: read side by side, they give what the whole file gives, positions included."""

from __future__ import annotations

import gzip
import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilray.sources import LineRange, Part, Source, count_part, list_files, placed, read_records, split_file
from tests.support.source_files import found, written

RECORDS = [{"instruction": "谁创造了你？" * (k % 7), "k": k} for k in range(60)]
SPANS = (7, 40, 333)
ENDS = [(b"", b""), (b"", b"\n"), (b"\xef\xbb\xbf", b"\n\n"), (b"\n\n", b'\n{"a')]
"""What stands before and behind the lines."""


def lines(end: str = "\n") -> bytes:
    """Records, with blank lines and lines that are none among them."""
    made: list[bytes] = []
    for k, record in enumerate(RECORDS):
        made.append(json.dumps(record, ensure_ascii=False).encode())
        made += [[], [b""], [b'{"instruction": "cut'], [b"\xef\xbb\xbf" + made[-1]], [b"  "], [b"\xff"]][k % 6]
    return end.encode().join(made)


def parts_of(path: Path, span: int, **settings: Any) -> list[Part]:
    """The parts of the file at ``path``; none if it is read as a whole."""
    source = Source(name="s", path=str(path), **settings)
    [file] = list_files(source)
    parts = split_file(source, file, span)
    ranges = [part for part in parts if isinstance(part, LineRange)]
    counts = [count for part in ranges if (count := count_part(source, file, part)) is not None]
    return [*placed(ranges, counts)] if ranges else parts


def found_in_parts(path: Path, span: int, **settings: Any) -> list[tuple[int, Any]]:
    source = Source(name="s", path=str(path), **settings)
    [file] = list_files(source)
    return [item for part in parts_of(path, span, **settings) for item in read_records(source, file, part)]


def bgzip(text: bytes) -> bytes:
    """One block."""
    deflate = zlib.compressobj(wbits=-15)
    data = deflate.compress(text) + deflate.flush()
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(data) + 25)
    return head + data + struct.pack("<II", zlib.crc32(text), len(text))


def zstd(text: bytes) -> bytes:
    return pa.compress(text, "zstd", asbytes=True)


def skipped(text: bytes) -> bytes:
    """A frame of zstd data, and one that holds none, as pzstd and the seekable format write them."""
    return zstd(text) + b"\x5a\x2a\x4d\x18" + struct.pack("<I", 12) + bytes(12)


MEMBERS = {"gzip": gzip.compress, "bgzip": bgzip, "zstd": zstd, "skipped": skipped}


def cut(text: bytes, pieces: int) -> list[bytes]:
    """``text`` in pieces of random lengths, wherever lines end; the last one is empty, as that of bgzip is."""
    places = sorted(random.Random(pieces).sample(range(1, len(text)), pieces - 1))
    return [*(text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)), b""]


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("before", "after"), ENDS)
def test_lines_in_parts_are_those_of_the_whole(
    tmp_path: Path, span: int, end: str, before: bytes, after: bytes
) -> None:
    path = written(tmp_path / "a.jsonl", before + lines(end) + after)
    assert len(parts_of(path, span)) > 5
    assert found_in_parts(path, span) == found(path)


@pytest.mark.parametrize("read", [1, 5, 64])
def test_parts_do_not_depend_on_how_much_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    path = written(tmp_path / "a.jsonl", lines())
    expected = found(path)
    monkeypatch.setattr("distilray.sources.formats.stretches.CHUNK", read)
    monkeypatch.setattr("distilray.sources.formats.stretches.PIECE", 2 * read)
    assert found_in_parts(path, 40) == expected


def test_a_line_longer_than_parts_belongs_to_the_one_in_which_it_begins(tmp_path: Path) -> None:
    long = {"instruction": "x" * 5000}
    path = written(tmp_path / "a.jsonl", "\n".join(json.dumps(one) for one in [RECORDS[1], long, RECORDS[2]]))
    parts = parts_of(path, 100)
    assert len(parts) > 40
    assert [record for _, record in found_in_parts(path, 100)] == [RECORDS[1], long, RECORDS[2]]


@pytest.mark.parametrize("kind", MEMBERS)
@pytest.mark.parametrize("pieces", [2, 9, 60])
def test_compressed_lines_in_parts_are_those_of_the_whole(tmp_path: Path, kind: str, pieces: int) -> None:
    content = b"".join(MEMBERS[kind](piece) for piece in cut(lines(), pieces))
    path = written(tmp_path / "a.jsonl.gz", content)
    assert len(parts_of(path, 8)) >= pieces
    for span in SPANS:
        assert found_in_parts(path, span) in ([], found(path))
    assert found_in_parts(path, 8) == found(path)


@pytest.mark.parametrize("kind", ["gzip", "bgzip", "zstd"])
def test_short_members_are_read_together(tmp_path: Path, kind: str) -> None:
    content = b"".join(MEMBERS[kind](piece) for piece in cut(lines(), 60))
    parts = parts_of(written(tmp_path / "a.jsonl", content), len(content))
    assert 2 <= len(parts) <= 4
    assert all(isinstance(part, LineRange) and part.codec == kind.removeprefix("b") for part in parts)


@pytest.mark.parametrize("kind", ["gzip", "bgzip", "zstd"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_compressed_data_that_is_cut_short_is_not_read_in_parts(tmp_path: Path, kind: str, share: float) -> None:
    content = b"".join(MEMBERS[kind](piece) for piece in cut(lines(), 9))
    path = written(tmp_path / "a.jsonl", content[: int(len(content) * share)])
    source = Source(name="s", path=str(path))
    [file] = list_files(source)
    counts = [count_part(source, file, part) for part in split_file(source, file, 8) if isinstance(part, LineRange)]
    assert not counts or None in counts


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(RECORDS).encode()),
        ("a.jsonl", json.dumps(RECORDS).encode()),
        ("a.jsonl", ("\ufeff" + lines().decode(errors="replace")).encode("utf-16-le")),
        ("a.jsonl.gz", gzip.compress(lines())),
        ("a.jsonl.gz", gzip.compress(b"\xef\xbb\xbf" + lines()) + gzip.compress(lines())),
        ("a.jsonl.zst", zstd(lines())),
        ("a.jsonl.gz", gzip.compress(lines()) + b"\0" * 40),
        ("a.parquet", b"PAR1 and nothing that belongs to it"),
    ],
)
def test_what_has_no_place_to_be_cut_at_is_read_as_a_whole(tmp_path: Path, name: str, content: bytes) -> None:
    path = written(tmp_path / name, content)
    assert parts_of(path, 8) == []


def test_a_short_file_is_not_even_opened(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", lines())
    [file] = list_files(source := Source(name="s", path=str(path)))
    path.unlink()
    assert split_file(source, file) == []


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_row_groups_in_parts_are_those_of_the_whole(tmp_path: Path, name: str) -> None:
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / name, row_group_size=7)
    parts = parts_of(tmp_path / name, 400)
    assert 2 < len(parts) <= 9
    assert found_in_parts(tmp_path / name, 400) == found(tmp_path / name)
    assert [position for position, _ in found_in_parts(tmp_path / name, 400)] == list(range(1, 61))


def test_very_large_files_have_longer_parts_rather_than_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("distilray.sources.splitting.MOST_PARTS", 10)
    path = written(tmp_path / "a.jsonl", lines())
    assert len(parts_of(path, 8)) in (9, 10)
