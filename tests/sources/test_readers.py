"""Every format gives records with positions, and says which records are none and why."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from distilray.sources import Malformed, Source, SourceError, list_files, read_records

A, B = {"instruction": "a"}, {"instruction": "b", "score": 0.5, "big": 2**70}


def read(path, **settings):
    source = Source(name="s", path=str(path), **settings)
    return [item for file in list_files(source) for item in read_records(source, file)]


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_jsonl_positions_are_line_numbers(tmp_path):
    text = "\ufeff" + json.dumps(A) + "\r\n\n" + json.dumps(B)
    assert read(written(tmp_path / "a.jsonl", text)) == [(1, A), (3, B)]


def test_lines_longer_than_a_chunk_are_whole(tmp_path):
    long = {"instruction": "x" * (3 << 20)}
    assert read(written(tmp_path / "a.jsonl", f"{json.dumps(long)}\n{json.dumps(A)}\n")) == [(1, long), (2, A)]


def test_compressed_files_are_read_as_they_are(tmp_path):
    assert read(written(tmp_path / "a.jsonl.gz", gzip.compress(json.dumps(A).encode()))) == [(1, A)]


def test_a_bad_line_spoils_no_other(tmp_path):
    lines = [json.dumps(A).encode(), b'{"instruction": "a', b'{"a": "\xff"}', b"[1]", json.dumps(B).encode()]
    (_, first), *bad, (last_position, last) = read(written(tmp_path / "a.jsonl", b"\n".join(lines)))
    assert (first, last_position, last) == (A, 5, B)
    assert [(position, record.place) for position, record in bad] == [
        (2, "a.jsonl:2"),
        (3, "a.jsonl:3"),
        (4, "a.jsonl:4"),
    ]
    assert bad[0][1].why.startswith("not JSON")
    assert bad[1][1].why.startswith("not UTF-8")
    assert bad[2][1].why == "not an object with named fields"


@pytest.mark.parametrize("text", [json.dumps([A, B], indent=2), json.dumps({"version": 1, "data": [A, B]})])
def test_json_is_an_array_or_has_one_under_data(tmp_path, text):
    assert read(written(tmp_path / "a.json", text)) == [(1, A), (2, B)]


def test_lines_in_a_file_called_json_are_recognised(tmp_path):
    assert read(written(tmp_path / "a.json", f"{json.dumps(A)}\n{json.dumps(B)}\n")) == [(1, A), (2, B)]


@pytest.mark.parametrize("bad", [b'{"instruction": "\xff"}', b"{'a': 1}", b'{"instruction": "b"c"}'])
def test_a_mistake_in_an_array_spoils_its_own_record(tmp_path, bad):
    array = b", ".join([json.dumps(A).encode(), bad, json.dumps(A).encode()])
    first, (position, malformed), last = read(written(tmp_path / "a.json", b"[" + array + b"]"))
    assert (first, last) == ((1, A), (3, A))
    assert isinstance(malformed, Malformed)
    assert (position, malformed.place, malformed.records) == (2, "a.json:2", 1)


def test_an_array_may_hold_things_that_are_no_records(tmp_path):
    assert [type(record) for _, record in read(written(tmp_path / "a.json", '[{"a": 1}, 2]'))] == [dict, Malformed]


def test_parquet_is_read_row_group_by_row_group(tmp_path):
    turns = [[{"role": "user", "content": str(k)}] for k in range(5)]
    pq.write_table(pa.table({"messages": turns}), tmp_path / "a.parquet", row_group_size=2)
    assert read(tmp_path / "a.parquet") == [(k + 1, {"messages": turns[k]}) for k in range(5)]


def test_a_file_that_is_no_parquet_cannot_be_read_to_its_end(tmp_path):
    ((position, malformed),) = read(written(tmp_path / "a.parquet", json.dumps(A)))
    assert (position, malformed.place, malformed.records) == (1, "a.parquet:1", None)
    assert "is not a Parquet file" in malformed.why


def test_a_saved_data_set_is_read_without_loading_it(tmp_path):
    Dataset.from_list([A, A, A]).save_to_disk(tmp_path / "set")
    assert read(tmp_path / "set") == [(1, A), (2, A), (3, A)]


def read_function(uses, **arguments):
    source = Source(name="s", uses=uses, with_=arguments)
    return list(read_records(source, list_files(source)[0]))


def test_a_function_may_be_a_source():
    made = read_function("json:loads", s='[{"question": "1 + 1?"}, {"question": "2 + 1?"}]')
    assert made == [(1, {"question": "1 + 1?"}), (2, {"question": "2 + 1?"})]


@pytest.mark.parametrize(("uses", "arguments"), [("no_such:f", {}), ("json:no_such", {}), ("json:dumps", {"a": 1})])
def test_a_function_that_is_not_there_is_an_error_of_the_source(uses, arguments):
    with pytest.raises(SourceError, match="Name an importable function"):
        read_function(uses, **arguments)
