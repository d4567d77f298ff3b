"""Marks on turns and rows travel with an export, for trainers that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from distilray.export import export
from distilray.rows import any_marks, schema_with, to_table
from distilray.sources import Source, read_batches

TALK = [
    {"role": "user", "content": "2 plus 3?"},
    {"role": "assistant", "content": "6"},
    {"role": "user", "content": "Sure?"},
]


def rows(*marks: dict[str, Any]) -> Any:
    made = [
        {"id": f"s/a:{k}", "source": "s", "language": "en", "messages": TALK, "answer": "5",
         "rejected_answer": "7", **mark}
        for k, mark in enumerate(marks)
    ]  # fmt: skip
    return to_table(made, schema_with({"train": "bool", "label": "bool"}))


MARKED = rows({"extra": json.dumps({"turn_weights": [1, 0, 1]})}, {"extra": '{"weight": 0}'}, {"train": False}, {})
WEIGHTS = [(0, 1), (0, 0), (0, 0), (1, 1)]


def weights(record: dict[str, Any], form: str) -> tuple[float, float]:
    parts = {"messages": ("messages",), "sharegpt": ("conversations",), "prompt_completion": ("prompt", "completion")}
    turns = [turn for name in parts.get(form, ("prompt", "chosen")) for turn in record[name]]
    assert [turn.get("weight") for turn in turns][::2] == [None, None]
    return turns[1]["weight"], turns[3]["weight"]


@pytest.mark.parametrize("form", ["messages", "sharegpt", "prompt_completion", "preference"])
@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_turns_have_weights_where_one_is_marked(tmp_path: Path, form: Any, format: Any) -> None:
    export([MARKED], form, str(tmp_path), format=format, weights=True)
    (file,) = (tmp_path / "data").iterdir()
    read = pq.read_table(file).to_pylist() if format == "parquet" else map(json.loads, file.read_text().splitlines())
    assert [weights(record, form) for record in read] == WEIGHTS


@pytest.mark.parametrize("mark", [{"label": False}, {"extra": '{"kto_tag": false}'}])
def test_an_answer_that_is_called_bad_has_the_weight_0(tmp_path: Path, mark: dict[str, Any]) -> None:
    rated = rows({"label": True}, mark)
    assert any_marks(rated) and not any_marks(rows({"label": True}))
    export([rated], "messages", str(tmp_path), format="jsonl", weights=True)
    read = [json.loads(line) for line in next((tmp_path / "data").iterdir()).read_text().splitlines()]
    assert [weights(record, "messages") for record in read] == [(1, 1), (1, 0)]
    export([rated], "prompt_completion", str(tmp_path), format="jsonl", columns=["label"])  # for trainers of KTO
    read = [json.loads(line) for line in next((tmp_path / "data").iterdir()).read_text().splitlines()]
    assert [record["label"] for record in read] == [True, mark.get("label")]


def test_without_marks_records_are_what_they_were(tmp_path: Path) -> None:
    export([rows({})], "messages", str(tmp_path), format="jsonl")
    assert "weight" not in next((tmp_path / "data").iterdir()).read_text()


def test_a_form_without_weights_leaves_marked_rows_out_and_counts_them(tmp_path: Path) -> None:
    exported = export([MARKED], "alpaca", str(tmp_path), format="jsonl", weights=True)
    assert exported.rows == 1
    assert exported.skipped == {"a turn is not to be trained on, which this form cannot say": 3}


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_what_is_read_again_has_the_same_marks(tmp_path: Path, format: Any) -> None:
    export([MARKED], "messages", str(tmp_path), format=format, weights=True)
    source = Source(name="r", path=str(tmp_path / "data"))
    read = [row for part in read_batches(source, 10) for row in part.to_pylist()]
    assert [row["answer"] for row in read] == ["5", None, None, "5"]
    assert [json.loads(row["extra"]).get("turn_weights") for row in read] == [[1, 0, 1]] * 3 + [None]
