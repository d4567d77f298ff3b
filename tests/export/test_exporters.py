"""What is read, exported and read again is the same conversation; an export is whole or not there."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from pyarrow import fs
from trl.data_utils import is_conversational

from distilray.export import export
from distilray.rows import schema_with, to_table
from distilray.sources import Source, read_batches

SAID = ("messages", "reasoning", "answer", "rejected_answer")


def row(k, **columns):
    return {
        "id": f"s/a:{k}",
        "source": "s",
        "language": "en",
        "messages": [{"role": "user", "content": f"Add {k} and 1."}],
        "answer": str(k + 1),
        **columns,
    }


def table(*rows, **columns):
    return to_table(list(rows), schema_with(columns))


TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "你好"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Add."},
]
ROWS = [
    row(1),
    row(2, messages=TALK),
    row(3, reasoning="3 and 1\n\nmake 4."),
    row(4, reasoning="4 and 1 make 5.", rejected_answer="<think>\nHm.\n</think>\n\n6"),
    row(5, rejected_answer="7"),
]


def said(rows):
    return [tuple(row[name] for name in SAID) for row in rows]


def read(folder):
    return [row for part in read_batches(Source(name="r", path=str(folder)), 10) for row in part.to_pylist()]


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
@pytest.mark.parametrize("form", ["messages", "sharegpt", "alpaca", "prompt_completion"])
def test_conversations_survive_the_round_trip(tmp_path, form, format):
    exported = export([table(*ROWS[:2]), table(*ROWS[2:])], form, str(tmp_path), format=format, think=True)
    assert (exported.rows, exported.files) == (5, [f"data/train-00000.{format}"])
    without_rejected = said(table(*[{**row, "rejected_answer": None} for row in ROWS]).to_pylist())
    assert said(read(tmp_path / "data")) == without_rejected


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_preference_pairs_survive_the_round_trip(tmp_path, format):
    exported = export([table(*ROWS)], "preference", str(tmp_path), format=format, think=True)
    assert said(read(tmp_path / "data")) == said(table(*ROWS[3:]).to_pylist())
    assert exported.skipped == {"no rejected answer": 3}


def test_traces_stay_out_unless_wanted(tmp_path):
    export([table(*ROWS)], "preference", str(tmp_path))
    first = pq.read_table(tmp_path / "data").to_pylist()[0]
    assert (first["chosen"][0]["content"], first["rejected"][0]["content"]) == ("5", "6")


def test_the_system_prompt_goes_before_rows_without_one(tmp_path):
    export([table(*ROWS[:2])], "messages", str(tmp_path), system="Count.")
    systems = [record["messages"][0]["content"] for record in pq.read_table(tmp_path / "data").to_pylist()]
    assert systems == ["Count.", "Be brief."]


def test_rows_that_are_not_in_it_are_counted_by_why(tmp_path):
    rows = [
        row(1),
        row(2, outcome="rejected"),
        row(3, outcome="failed", messages=None),
        row(4, answer=None),
        row(5, outcome="kept"),
    ]
    exported = export([table(*rows)], "messages", str(tmp_path))
    assert exported.rows == 2
    assert exported.skipped == {
        "rejected in an earlier step": 1,
        "failed in an earlier step": 1,
        "no answer": 1,
    }


def test_a_conversation_that_alpaca_cannot_say_is_counted(tmp_path):
    twice = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    exported = export([table(row(1, messages=twice))], "alpaca", str(tmp_path))
    assert exported.skipped == {"turns that do not alternate": 1}


def test_columns_can_be_handed_on(tmp_path):
    rows = table(row(1, rejected_answer="0", beta=0.5), beta="float")
    export([rows], "preference", str(tmp_path), columns=["beta"])
    assert pq.read_table(tmp_path / "data")["beta"].to_pylist() == [0.5]


def test_shards_are_cut_by_size_and_those_of_an_earlier_export_go(tmp_path):
    tables = [table(*[row(100 * n + k, answer=f"{k}" * 300) for k in range(100)]) for n in range(100)]
    many = export(tables, "messages", str(tmp_path), format="jsonl", shard_bytes=1 << 20)
    assert len(many.files) > 1
    ids = [json.loads(line)["id"] for file in many.files for line in (tmp_path / file).open()]
    assert ids == [f"s/a:{k}" for k in range(10_000)]
    few = export(tables[:1], "messages", str(tmp_path), format="parquet")
    assert [f"data/{path.name}" for path in (tmp_path / "data").iterdir()] == few.files


def test_an_export_that_breaks_leaves_no_half_shard(tmp_path):
    def breaking():
        yield table(*ROWS)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        export(breaking(), "messages", str(tmp_path))
    assert list((tmp_path / "data").iterdir()) == []


def test_an_export_without_rows_can_still_be_loaded(tmp_path):
    export([], "messages", str(tmp_path))
    assert pq.read_table(tmp_path / "data").schema.names == ["id", "messages"]


def test_an_export_goes_to_any_filesystem(tmp_path):
    store = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    export([table(*ROWS)], "messages", "out", filesystem=store)
    assert [path.name for path in (tmp_path / "out/data").iterdir()] == ["train-00000.parquet"]


@pytest.mark.parametrize("form", ["messages", "prompt_completion", "preference"])
def test_trl_takes_it_for_conversations(tmp_path, form):
    export([table(*ROWS)], form, str(tmp_path))
    files = str(tmp_path / "data/*.parquet")
    data = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert is_conversational(data[0])
    assert data.num_rows == (2 if form == "preference" else 5)


def test_tables_of_rows_are_what_arrow_would_make_of_them():
    schema = schema_with({"beta": "float"})
    rows = [row(1, beta=0.5), row(2, messages=None), row(3, messages=[]), row(4, messages=TALK)]
    assert to_table(rows, schema).equals(pa.Table.from_pylist(rows, schema))
