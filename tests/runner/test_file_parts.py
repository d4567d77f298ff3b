"""A file that takes long to read: a task that is killed in the middle goes on behind its last whole unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilray.runner import file_parts
from distilray.runner.file_parts import BEGUN, Begun, FilePart, UnitForm
from distilray.runner.part_records import PartRecord
from distilray.sources import Source, list_files, read_batches
from distilray.storage import Store

FORM = UnitForm(5, {})
RECORDS: list[Any] = [
    {"instruction": "a", "output": "b"},
    {"conversations": [{"from": "human", "value": "1"}, {"from": "gpt", "value": "2"}]},
    {"nothing": "of use"},
    "no record",
]


class Killed(Exception):
    pass


def read(store: Store, source: Source, before: Begun | None = None, most: int | None = None) -> PartRecord:
    [file] = list_files(source)
    part = FilePart(file, None, "00-0000", "key")
    return file_parts._read_part(store, "steps/s", source, part, FORM, most, before)


def rows(store: Store, record: PartRecord) -> list[dict[str, Any]]:
    return pa.concat_tables([pq.read_table(store.full(f"steps/s/{name}.parquet")) for name in record.units]).to_pylist()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "a.json").write_text(json.dumps([RECORDS[k % len(RECORDS)] for k in range(43)]))
    return Source(name="s", path=str(tmp_path / "a.json"))


@pytest.mark.parametrize("units", [1, 4, 7])
@pytest.mark.parametrize("most", [None, 38])
def test_what_was_written_before_a_kill_is_not_written_again(
    source: Source, local_store: Store, monkeypatch: pytest.MonkeyPatch, units: int, most: int | None
) -> None:
    whole = read(local_store, source, most=most)
    expected = rows(local_store, whole)
    assert expected == pa.concat_tables(list(read_batches(source, 100))).to_pylist()[:most]
    monkeypatch.setattr(file_parts, "NOTED_EVERY_S", -1.0)
    written: list[str] = []
    write_unit = file_parts.write_unit

    def write(store: Store, path: str, *rest: Any) -> None:
        if len(written) == units:
            raise Killed
        written.append(path)
        write_unit(store, path, *rest)

    monkeypatch.setattr(file_parts, "write_unit", write)
    with pytest.raises(Killed):
        read(local_store, source, most=most)
    noted = msgspec.json.decode(local_store.read(f"steps/s/{BEGUN}/00-0000.json"), type=Begun)
    assert len(noted.record.units) == units and noted.record.rows == 5 * units
    first, written[:] = [*written], []
    monkeypatch.setattr(file_parts, "write_unit", lambda *call: (written.append(call[1]), write_unit(*call)))
    again = read(local_store, source, noted, most)
    assert again == whole
    assert rows(local_store, again) == expected
    assert not set(written) & set(first)
