"""Turns that are marked as not to be trained on: an earlier one keeps its mark, a last one is no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilray.sources import Source, list_files, rows_of

ASK = {"role": "user", "content": "Capital of Italy?"}
TALK = [ASK, {"role": "assistant", "content": "Paris.", "weight": 0}, {"role": "user", "content": "Are you sure?"},
        {"role": "assistant", "content": "No, Rome.", "weight": 1}]  # fmt: skip


def row_of(folder: Path, record: dict[str, Any], **settings: Any) -> dict[str, Any]:
    (folder / "a.jsonl").write_text(json.dumps(record) + "\n")
    source = Source(name="s", path=str(folder / "a.jsonl"), **settings)
    (row,) = [row for file in list_files(source) for row in rows_of(source, file)]
    return row


def extra(row: dict[str, Any]) -> dict[str, Any]:
    return json.loads(row.get("extra") or "{}")


def test_an_earlier_turns_mark_is_kept_with_the_row(tmp_path: Path) -> None:
    row = row_of(tmp_path, {"messages": TALK, "level": 3})
    plain = [{key: turn[key] for key in ("role", "content")} for turn in TALK[:3]]
    assert (row["messages"], row["answer"]) == (plain, "No, Rome.")
    assert extra(row) == {"level": 3, "turn_weights": [1, 0, 1]}
    assert '"turn_weights":[1,0,1]' in row["extra"]
    unmarked = row_of(tmp_path, {"messages": [{k: turn[k] for k in ("role", "content")} for turn in TALK]})
    assert (unmarked["content_hash"], unmarked["id"]) == (row["content_hash"], row["id"])
    assert "extra" not in unmarked


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [ASK, {"role": "assistant", "content": "Paris.", "weight": 0}]},
        {"conversations": [{"from": "human", "value": "Capital of Italy?"},
                           {"from": "gpt", "value": "Paris.", "train": False}]},
        {"messages": [ASK, {"role": "assistant", "content": "Paris.", "loss": False}]},
        {"prompt": [ASK], "completion": [{"role": "assistant", "content": "Paris.", "weight": 0}]},
    ],
)  # fmt: skip
def test_an_answer_that_is_not_to_be_trained_on_leaves_the_row_to_be_answered(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    row = row_of(tmp_path, record)
    assert (row["messages"], row["answer"], row.get("outcome")) == ([ASK], None, None)
    assert extra(row) == {"untrained_answer": "Paris."}
    assert extra(row_of(tmp_path, record, answers="drop")) == {}


def test_a_prompt_may_not_end_with_an_answer_marked_or_not(tmp_path: Path) -> None:
    record = {"prompt": [ASK, {"role": "assistant", "content": "Paris.", "weight": 0}], "completion": "Rome."}
    assert "prompt ends with an assistant turn" in row_of(tmp_path, record)["reason"]


def test_a_chosen_conversation_may_repeat_a_marked_prompt(tmp_path: Path) -> None:
    plain = [{key: turn[key] for key in ("role", "content")} for turn in TALK]
    record = {"prompt": TALK[:3], "chosen": plain, "rejected": [*plain[:3], {"role": "assistant", "content": "Yes."}]}
    row = row_of(tmp_path, record)
    assert (row["answer"], row["rejected_answer"], extra(row)) == ("No, Rome.", "Yes.", {"turn_weights": [1, 0, 1]})


def test_weights_other_than_0_and_1_are_kept_as_they_are(tmp_path: Path) -> None:
    half = [ASK, {"role": "assistant", "content": "Rome.", "weight": 0.5}]
    row = row_of(tmp_path, {"messages": half})
    assert (row["answer"], extra(row)) == ("Rome.", {"turn_weights": [1, 0.5]})


def test_the_system_prompt_that_is_dropped_takes_its_weight_along(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "Be brief."}, *TALK]
    assert extra(row_of(tmp_path, {"messages": talk})) == {"turn_weights": [1, 1, 0, 1]}
    assert extra(row_of(tmp_path, {"messages": talk}, system="drop")) == {"turn_weights": [1, 0, 1]}


def test_marks_of_a_whole_record_stay_where_they_are(tmp_path: Path) -> None:
    record = {"instruction": "2 + 2?", "output": "5", "train": False}
    row = row_of(tmp_path, record)
    assert (row["answer"], extra(row)) == ("5", {"train": False})
    assert row_of(tmp_path, record, keep={"train": "bool"})["train"] is False


def test_an_answer_is_called_good_or_bad_under_either_name(tmp_path: Path) -> None:
    keep = {"label": "bool"}
    assert row_of(tmp_path, {"instruction": "2 + 2?", "output": "5", "label": False}, keep=keep)["label"] is False
    row = row_of(tmp_path, {"messages": [ASK, {"role": "assistant", "content": "Paris."}], "kto_tag": False}, keep=keep)
    assert (row["label"], extra(row)) == (False, {})
    assert extra(row_of(tmp_path, {"instruction": "a", "output": "b", "kto_tag": True})) == {"kto_tag": True}
