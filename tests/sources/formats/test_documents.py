"""What a JSON document holds is told by its shape: lists, lists under keys, objects keyed by id, columns."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from distilray.sources import SourceError, list_files, read_records
from distilray.sources.settings import Source
from tests.support.source_files import found, records, whys, written

A, B = {"instruction": "Say hi", "output": "hi"}, {"instruction": "Say bye", "output": "bye"}
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([A, B], [A, B]),
        ({"version": 1, "data": [A, B]}, [A, B]),
        ({"data": [A, B], "other": [A]}, [A, B]),
        ({"train": [A, B]}, [A, B]),
        ({"license": "MIT", "language": "en", "rows": [A, B], "info": {"n": 2}}, [A, B]),
        ({"q0": A, "q1": B}, [{"id": "q0", **A}, {"id": "q1", **B}]),
        ({"q0": {"id": 7, **A}}, [{"id": 7, **A}]),
        ({"c0": TALK, "c1": TALK[:1]}, [{"id": "c0", "messages": TALK}, {"id": "c1", "messages": TALK[:1]}]),
        (
            {"train": [{"from": "human", "value": "Hi"}]},
            [{"id": "train", "messages": [{"from": "human", "value": "Hi"}]}],
        ),
        ({"instruction": ["Say hi", "Say bye"], "output": ["hi", "bye"]}, [A, B]),
        ({"output": ["hi", "bye"], "level": [1, 2]}, [{"output": "hi", "level": 1}, {"output": "bye", "level": 2}]),
        ({"instruction": ["Say hi"], "meta": [{"a": 1}]}, [{"instruction": "Say hi", "meta": {"a": 1}}]),
        ({"instruction": {"0": "Say hi", "1": "Say bye"}, "output": {"0": "hi", "1": "bye"}}, [A, B]),
        ({"messages": [TALK, TALK[:1]]}, [{"messages": TALK}, {"messages": TALK[:1]}]),
        ({"messages": TALK}, [{"messages": TALK}]),
        ({"messages": {"role": ["user"], "content": ["Hi"]}}, None),
        ({"prompt": TALK[:1], "chosen": TALK[1:], "rejected": TALK[1:]}, None),
        (A, [A]),
        ({"train": []}, []),
        ({"train": [{"content": "Say hi", "output": "hi"}]}, [{"content": "Say hi", "output": "hi"}]),
        ({"data": {"train": [A, B]}}, [A, B]),
        ({"version": "1", "data": {"license": "MIT", "train": [A, B]}}, [A, B]),
        ({"data": {"q0": A, "q1": B}}, [{"id": "q0", **A}, {"id": "q1", **B}]),
        ({"data": A}, [{"id": "data", **A}]),
        ({"data": {"messages": {"role": ["user"], "content": ["Hi"]}}}, None),
    ],
)
def test_the_shape_tells_where_records_are(tmp_path: Path, indent: int | None, document: Any, expected: Any) -> None:
    path = written(tmp_path / "a.json", json.dumps(document, indent=indent))
    if expected is None:
        expected = [{"id": "data", **document["data"]} if "data" in document else document]
    assert records(path) == expected
    assert [position for position, _ in found(path)] == list(range(1, len(records(path)) + 1))


def test_columns_may_have_other_names_that_the_source_knows(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '{"frage": {"0": "Hallo"}, "antwort": {"0": "Ja"}}')
    assert records(path, columns={"instruction": "frage"}) == [{"frage": "Hallo", "antwort": "Ja"}]


def test_one_of_several_lists_is_named_as_the_split(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", json.dumps({"train": [A], "test": [B]}))
    assert records(path, split="test") == [B]
    for split in (None, "dev"):
        with pytest.raises(SourceError, match="holds lists of records: train, test. Name one of them as `split`"):
            records(path, split=split)


def test_one_of_several_lists_below_data_is_named_as_the_split(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", json.dumps({"data": {"train": [A], "test": [B]}, "version": "1"}))
    assert records(path, split="test") == [B]
    with pytest.raises(SourceError, match="holds lists of records: train, test. Name one of them as `split`"):
        records(path)


def test_a_table_in_parts_is_refused_with_what_to_write(tmp_path: Path) -> None:
    parts = {"columns": ["instruction", "output"], "index": [0], "data": [["Say hi", "hi"]]}
    with pytest.raises(SourceError, match=r"is a table in parts: columns, index, data.*orient=.records."):
        records(written(tmp_path / "a.json", json.dumps(parts)))


@pytest.mark.parametrize("text", [json.dumps([A, B], indent=1), json.dumps(A, indent=1) + json.dumps(B, indent=1)])
def test_documents_in_a_file_called_jsonl_are_recognised(tmp_path: Path, text: str) -> None:
    assert records(written(tmp_path / "a.jsonl", text)) == [A, B]


def test_lines_in_a_file_called_json_are_recognised_if_the_first_has_a_nan(tmp_path: Path) -> None:
    first, blank, last = '{"instruction": "a", "x": NaN}', "", json.dumps(A)
    assert [position for position, _ in found(written(tmp_path / "a.json", f"{first}\n{blank}\n{last}\n"))] == [1, 3]


def test_a_value_that_is_no_record_costs_none_of_its_neighbours(tmp_path: Path) -> None:
    text = json.dumps({"q0": A, "q1": "cut", "q2": B}).replace('"cut"', "[1, 2]")
    assert whys(written(tmp_path / "a.json", text)) == [None, "not an object with named fields", None]
    columns = '{"instruction": ["a", "b\\ud800", "c"], "output": [1, 2, 3]}'
    assert whys(written(tmp_path / "b.json", columns)) == [None, "text with half of a surrogate pair", None]


def test_a_document_of_which_nothing_can_be_read_is_one_failed_record(tmp_path: Path) -> None:
    (only,) = whys(written(tmp_path / "a.json", b"\x04\x22\x4d\x18" + b"no LZ4 data"))
    assert only is not None and only.startswith("unreadable from here to the end of the file; its lz4 data is damaged")


def test_columns_of_different_lengths_are_not_cut_to_the_shortest(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '{"instruction": ["a", "b", "c"], "output": ["x"]}')
    why = "the column 'output' is shorter than others; it has {} values"
    assert whys(path) == [None, why.format(1), why.format(2)]


def test_a_column_that_breaks_off_ends_the_records_since_nobody_knows_what_belongs_together(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '{"instruction": ["a", "b"c", "d"], "output": ["x", "y", "z"]}')
    (rest,) = records(path)
    assert rest.why.startswith("unreadable from here to the end of the file; not JSON, so its columns are not known")
    assert rest.records is None


def test_a_list_behind_a_broken_one_does_not_vanish(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '{"train": [{"instruction": "a"b"}, {"instruction": "c"}], "test": [{}]}')
    bad, good, rest = records(path)
    assert (bad.records, good) == (1, {"instruction": "c"})
    assert rest.why == "unreadable from here to the end of the file; more lists of records follow, test"
    assert whys(path, split="train")[1:] == [None]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"data": [{"instruction": "a"}, {"instruc', 1),
        ('{"train": [{"instruction": "a"}], {"instruction": "b"}]}', 1),
        ('{"train": [{"instruction": "a"}], "b": [1 2', 1),
        ('{"q0": {"instruction": "a"}, "q1": {"instr', 1),
        ('{"data": {"train": [{"instruction": "a"}, {"instr', 1),
        ('{"data": {"train": [{"instruction": "a"}], "b": [1 2', 1),
        ('{"data": {"train": [{"instruction": "a"}]}, "b": [1 2', 1),
    ],
)
def test_what_cannot_be_read_of_a_document_is_told(tmp_path: Path, text: str, rows: int) -> None:
    *good, bad = whys(written(tmp_path / "a.json", text))
    assert good == [None] * rows
    assert bad is not None and bad.startswith("unreadable from here to the end of the file; ")


@pytest.mark.parametrize("shape", ["array", "member", "keyed", "columns"])
def test_a_large_document_is_read_in_little_memory(tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distilray.sources.formats.streams.CHUNK", 1 << 15)
    made = [{"instruction": f"{k}" + "x" * 1000, "output": "y" * 1000} for k in range(800)]
    documents = {
        "array": made,
        "member": {"train": made},
        "keyed": {f"k{k}": record for k, record in enumerate(made)},
        "columns": {name: [record[name] for record in made] for name in ("instruction", "output")},
    }
    source = Source(name="s", path=str(written(tmp_path / "a.json", json.dumps(documents[shape]))))
    del made, documents
    tracemalloc.start()
    count = sum(1 for file in list_files(source) for _ in read_records(source, file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 800
    assert peak < 1 << 19  # of 1.6 MB
