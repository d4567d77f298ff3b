"""Text is read whatever its byte-order mark and compression; what is damaged or cut short says so after what is not."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import fs

from distilray.sources import Source, SourceError, list_files, read_records
from tests.support.source_files import found, records, whys, written

RECORDS = [{"instruction": "谁创造了你？", "output": "团队"}, {"instruction": "Name a prime.", "output": "7"}]
LINES = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS)
ARRAY = json.dumps(RECORDS, ensure_ascii=False, indent=2)
MARKED = [("\ufeff", name) for name in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")]
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    ".lz4": lambda data: pa.compress(data, "lz4", asbytes=True),
}


@pytest.mark.parametrize(("mark", "encoding"), MARKED)
@pytest.mark.parametrize(("name", "text"), [("a.json", ARRAY), ("a.jsonl", LINES), ("b.json", LINES)])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, mark: str, encoding: str, name: str, text: str) -> None:
    assert found(written(tmp_path / name, (mark + text).encode(encoding))) == [(1, RECORDS[0]), (2, RECORDS[1])]


def test_a_mark_may_stand_where_files_were_joined(tmp_path: Path) -> None:
    first, second = LINES.split("\n")
    assert records(written(tmp_path / "a.jsonl", f"\ufeff{first}\r\n\ufeff{second}\r\n")) == RECORDS


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_without_a_mark_nothing_is_guessed(tmp_path: Path, name: str) -> None:
    text = ARRAY if name == "a.json" else LINES
    bad, good = whys(written(tmp_path / name, text.encode("gb18030")))
    assert good is None and bad is not None
    assert bad.startswith("not UTF-8; byte ") and " is 0x" in bad
    (utf16, *_) = whys(written(tmp_path / name, text.encode("utf-16-le")))
    assert utf16 is not None and "as UTF-16 without a byte-order mark" in utf16


def test_utf_16_that_is_cut_within_a_character_ends_there(tmp_path: Path) -> None:
    _, bad = whys(written(tmp_path / "a.jsonl", ("\ufeff" + LINES).encode("utf-16-le")[:-1]))
    assert bad == ("unreadable from here to the end of the file; the file begins as UTF-16 text, but does not go on so")


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("text", [LINES, ARRAY])
def test_compression_is_told_by_the_bytes_and_not_by_the_name(tmp_path: Path, ending: str, text: str) -> None:
    content = COMPRESSORS[ending](text.encode())
    assert records(written(tmp_path / f"a.json{ending}", content)) == RECORDS
    assert records(written(tmp_path / "b.jsonl", content)) == RECORDS
    assert records(written(tmp_path / f"c.jsonl{ending}", text)) == RECORDS


def noise(rows: int) -> list[dict[str, Any]]:
    return [{"instruction": os.urandom(300).hex(), "k": k} for k in range(rows)]


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("form", ["lines", "array"])
def test_a_file_cut_short_gives_its_readable_records_and_says_where_it_ends(
    tmp_path: Path, ending: str, form: str
) -> None:
    made = noise(2500)  # 1.5 MB of text: several blocks of every codec
    text = json.dumps(made) if form == "array" else "\n".join(map(json.dumps, made))
    whole = COMPRESSORS[ending](text.encode())
    *good, bad = found(written(tmp_path / f"a.jsonl{ending}", whole[: len(whole) * 3 // 4]))
    assert [record for _, record in good] == made[: len(good)]
    assert len(good) > (0 if ending == ".bz2" else 900)  # a block of bz2 has 900 kB, of zstd 128 kB
    assert bad[0] == len(good) + 1
    assert bad[1].why.startswith("unreadable from here to the end of the file; its ")
    assert bad[1].why.endswith("data is cut short")
    assert (bad[1].place, bad[1].records) == (f"a.jsonl{ending}:{len(good) + 1}", None)


def test_damage_within_compressed_data_is_told_from_a_cut(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress("\n".join(map(json.dumps, noise(2000))).encode()))
    whole[len(whole) // 2] ^= 0xFF
    *_, bad = whys(written(tmp_path / "a.jsonl.gz", bytes(whole)))
    assert bad is not None and "its gzip data is damaged (" in bad


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json", "a.parquet"])
def test_no_bytes_at_all_are_no_file_of_most_formats(tmp_path: Path, name: str) -> None:
    written(tmp_path / name, b"")
    written(tmp_path / "z.jsonl", LINES)
    bad, *good = whys(tmp_path)
    assert bad is not None and "it is empty, which no file of the format" in bad
    assert good == [None, None]


class Failing(fs.FileSystemHandler):
    """A file system whose only file cannot be read after its first bytes, as when the network is gone."""

    def __init__(self, content: bytes, after: int) -> None:
        self.content, self.after = content, after

    def _open(self, path: str) -> pa.PythonFile:
        handler = self

        class Lost(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if self.tell() >= handler.after:
                    raise OSError("connection reset by peer")
                return super().read(size if size and size > 0 else handler.after)

        return pa.PythonFile(Lost(self.content), "r")

    open_input_stream = open_input_file = _open

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        return [fs.FileInfo(path, fs.FileType.File, size=len(self.content)) for path in paths]

    def _unused(self, *_: Any) -> Any:
        raise NotImplementedError

    get_type_name = normalize_path = get_file_info_selector = create_dir = delete_dir = delete_dir_contents = _unused
    delete_root_dir_contents = delete_file = move = copy_file = open_output_stream = open_append_stream = _unused


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.parquet"])
def test_a_file_system_that_fails_is_no_fault_of_a_record(name: str) -> None:
    text = "\n".join(map(json.dumps, noise(4000))).encode()
    handler = Failing(gzip.compress(text) if name.endswith(".gz") else text, after=1 << 20)
    source = Source(name="s", path=name)
    (file,) = list_files(source, fs.PyFileSystem(handler))
    with pytest.raises(SourceError, match=rf"file {name}: cannot be read \(connection reset by peer\)\. Check the"):
        list(read_records(source, file))
