"""Conversations written as text or as lists are read; numbers that are none are missing values."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilray.sources import Source, list_files, rows_of
from tests.support.source_files import written

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
LISTS = {"role": ["user", "assistant"], "content": ["Hi", "Hello"]}
NAN = float("nan")


def rows(path: Path, **settings: Any) -> list[dict[str, Any]]:
    source = Source(name="s", path=str(path), **settings)
    return [row for file in list_files(source) for row in rows_of(source, file)]


def row(tmp_path: Path, record: dict[str, Any], **settings: Any) -> dict[str, Any]:
    (only,) = rows(written(tmp_path / "a.jsonl", json.dumps(record)), **settings)
    return only


@pytest.mark.parametrize(
    "record",
    [
        {"messages": TURNS},
        {"messages": json.dumps(TURNS)},
        {"messages": " " + json.dumps(TURNS, indent=1)},
        {"messages": LISTS},
        {"messages": json.dumps(LISTS)},
        {"conversations": {"from": ["human", "gpt"], "value": ["Hi", "Hello"]}},
        {"conversation": json.dumps([{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}])},
        {"prompt": {"role": ["user"], "content": ["Hi"]}, "completion": {"role": ["assistant"], "content": ["Hello"]}},
    ],
)
def test_a_conversation_is_read_however_it_is_written(tmp_path: Path, record: dict[str, Any]) -> None:
    found = row(tmp_path, record)
    assert (found["messages"], found["answer"], found.get("outcome")) == (TURNS[:1], "Hello", None)


def test_pairs_may_be_written_as_lists(tmp_path: Path) -> None:
    chosen, rejected = LISTS, {"role": ["user", "assistant"], "content": ["Hi", "Bye"]}
    found = row(tmp_path, {"chosen": chosen, "rejected": rejected})
    assert (found["messages"], found["answer"], found["rejected_answer"]) == (TURNS[:1], "Hello", "Bye")


def test_parquet_with_lists_within_an_object_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"messages": [LISTS]}), tmp_path / "a.parquet")
    (found,) = rows(tmp_path / "a.parquet")
    assert (found["messages"], found["answer"]) == (TURNS[:1], "Hello")


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ("Hi", "conversation is not a list of turns"),
        ('"Hi"', "conversation is not a list of turns"),
        ("[{'role': 'user'}]", "conversation is text that is not JSON; Expecting property name"),
        ({"role": ["user"], "content": []}, "conversation has lists of different lengths"),
        ({"role": "user", "content": "Hi"}, "conversation is not a list of turns"),
    ],
)
def test_what_is_no_conversation_says_why(tmp_path: Path, messages: Any, why: str) -> None:
    assert row(tmp_path, {"messages": messages})["reason"].startswith(f"malformed: {why}")


def test_a_prompt_that_happens_to_be_json_stays_text(tmp_path: Path) -> None:
    assert row(tmp_path, {"prompt": json.dumps(TURNS), "completion": "[]"})["answer"] == "[]"


@pytest.mark.parametrize("number", [NAN, float("inf"), -float("inf")])
def test_a_number_that_is_none_is_missing(tmp_path: Path, number: float) -> None:
    record = {"instruction": "Name a river.", "input": number, "output": number, "response": "Po", "score": number}
    found = row(tmp_path, {**record, "reference": number, "more": {"a": [number, 1]}}, keep={"score": "float"})
    assert (found["messages"], found["answer"]) == ([{"role": "user", "content": "Name a river."}], "Po")
    assert (found["reference"], found["score"], json.loads(found["extra"])) == (None, None, {"more": {"a": [None, 1]}})


def test_a_record_that_needs_the_number_says_so(tmp_path: Path) -> None:
    assert row(tmp_path, {"instruction": NAN, "output": "Po"})["reason"] == (
        "malformed: no known form (name the columns, or give `columns`); instruction is NaN or infinite; a.jsonl:1"
    )
    turn = {"role": "user", "content": NAN}
    assert row(tmp_path, {"messages": [turn]})["reason"] == "malformed: empty instruction; a.jsonl:1"


def test_a_number_in_a_kept_list_is_missing_there(tmp_path: Path) -> None:
    assert row(tmp_path, {"instruction": "a", "p": [0.5, NAN]}, keep={"p": "list<float>"})["p"] == [0.5, None]


def test_a_decimal_is_the_text_that_it_is(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["1/8?"], "answer": [Decimal("0.1250")]}), tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet")[0]["answer"] == "0.1250"


def test_a_column_with_other_types_in_other_files_costs_only_what_is_no_text(tmp_path: Path) -> None:
    for name, values in {"a": ["7"], "b": [7], "c": [7.5], "d": [[7]], "e": [{"x": 7}]}.items():
        pq.write_table(pa.table({"question": ["q"], "answer": values}), tmp_path / f"{name}.parquet")
    found = rows(tmp_path)
    assert [one.get("answer") for one in found] == ["7", "7", "7.5", None, None]
    assert [one["reason"] for one in found[3:]] == [
        "malformed: answer is not text; d.parquet:1",
        "malformed: answer is not text; e.parquet:1",
    ]
