"""Parquet and Arrow: what is damaged costs what is damaged, and the files say how much that is."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from tests.support.source_files import found, records, whys, written

COPY = "Copy or download the file again"


def table(rows: int) -> pa.Table:
    return pa.table({"instruction": [f"question {k}" for k in range(rows)], "output": [str(k) for k in range(rows)]})


def test_a_parquet_file_without_its_footer_is_one_failed_record(tmp_path: Path) -> None:
    pq.write_table(table(100), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    for content in (whole[:-20], whole[: len(whole) // 2], b"<html>", b"PAR1"):
        ((position, bad),) = found(written(tmp_path / "a.parquet", content))
        assert position == 1 and bad.records is None and bad.remedy == f"{COPY}, or name its true `format`"
        assert bad.why.startswith(
            "unreadable from here to the end of the file; it is cut short, or is not a Parquet file ("
        )


def test_a_damaged_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table(3000), path, row_group_size=1000, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    where = pq.ParquetFile(path).metadata.row_group(1).column(0)
    at = where.data_page_offset + where.total_compressed_size // 2
    content[at : at + 8] = b"\0" * 8
    given = found(written(path, bytes(content)))
    ((position, bad),) = [item for item in given if not isinstance(item[1], dict)]
    lost = bad.records
    assert bad.why.startswith(f"unreadable; {lost:,} records from here on: ")
    assert 0 < lost <= 1000 and position == 2001 - lost
    assert [p for p, _ in given] == [*range(1, position + 1), *range(2001, 3001)]


def test_text_that_is_not_utf_8_costs_its_own_record(tmp_path: Path) -> None:
    offsets = pa.py_buffer(b"".join(k.to_bytes(4, "little") for k in (0, 1, 2, 3)))
    texts = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"a\xe9c")])
    batch = pa.RecordBatch.from_arrays([texts, pa.array([1, 2, 3])], ["instruction", "k"])
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    first, bad, last = records(tmp_path / "a.arrow")
    assert (first, last) == ({"instruction": "a", "k": 1}, {"instruction": "c", "k": 3})
    assert bad.why.startswith("a value in the column 'instruction' cannot be read; 'utf-8' codec can't decode")


def test_bytes_that_are_text_are_text(tmp_path: Path) -> None:
    made = pa.table({"instruction": pa.array([b"a", "é".encode(), b"\xff"], pa.binary())})
    pq.write_table(made, tmp_path / "a.parquet")
    assert [record["instruction"] for record in records(tmp_path / "a.parquet")] == ["a", "é", b"\xff"]


def test_a_time_that_python_does_not_have_costs_its_own_record(tmp_path: Path) -> None:
    made = pa.table({"instruction": ["a", "b"], "at": pa.array([0, 2**60], pa.timestamp("s"))})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, made.schema) as writer:
        writer.write_table(made)
    first, bad = records(tmp_path / "a.arrow")
    assert first == {"instruction": "a", "at": datetime.datetime(1970, 1, 1)}
    assert bad.why.startswith("a value in the column 'at' cannot be read")


def test_parquet_and_arrow_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    pq.write_table(table(2), tmp_path / "a.json")
    assert len(records(tmp_path / "a.json")) == 2
    with pa.OSFile(str(tmp_path / "b.arrow"), "wb") as sink, pa.ipc.new_file(sink, table(2).schema) as writer:
        writer.write_table(table(2))
    assert records(tmp_path / "b.arrow") == table(2).to_pylist()


@pytest.mark.parametrize("left", [0.02, 0.5, 0.9, -8, -1])
def test_a_saved_data_set_cut_short_gives_its_readable_rows_and_says_so(tmp_path: Path, left: float) -> None:
    made = table(5000)
    Dataset(made).save_to_disk(tmp_path / "set")
    (path,) = (tmp_path / "set").glob("*.arrow")
    whole = path.read_bytes()
    written(path, whole[: int(len(whole) * left)] if left > 0 else whole[: int(left)])
    *good, bad = records(tmp_path / "set")
    assert good == made.to_pylist()[: len(good)]
    assert bad.why.startswith("unreadable from here to the end of the file; ") and bad.records is None
    if left == -8:  # nothing but the mark at the end: all rows are there, and nobody can know
        assert len(good) == 5000 and bad.why.endswith("it has no end mark, so it may be cut short")


def test_a_whole_saved_data_set_says_nothing(tmp_path: Path) -> None:
    Dataset(table(3)).save_to_disk(tmp_path / "set")
    assert whys(tmp_path / "set") == [None, None, None]
