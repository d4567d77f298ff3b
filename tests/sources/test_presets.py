"""Well-known collections by name: one record of each, laid out as it is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from distilray.sources import Source, read_batches
from distilray.sources.presets import PRESETS, Preset

TURNS = [{"from": "human", "value": "Name a river."}, {"from": "gpt", "value": "The Elbe."}]
RECORDS: dict[str, dict[str, Any]] = {
    "magpie": {
        "uuid": "u1",
        "model": "m",
        "instruction": "Name a river.",
        "response": "The Elbe.",
        "conversations": TURNS,
        "task_category": "Information seeking",
        "difficulty": "easy",
        "input_quality": "good",
        "instruct_reward": -1.25,
        "language": "EN",
    },
    "openhermes": {
        "conversations": [{"from": "system", "value": "Be brief."}, *TURNS],
        "source": "airoboros2.2",
        "category": "trivia",
        "system_prompt": None,
        "language": None,
    },
    "webinstruct": {"orig_question": "Name a river.", "orig_answer": "The Elbe.", "source": "forum", "index": 7},
    "alpaca": {"instruction": "Name a river.", "input": "", "output": "The Elbe.", "text": "Below is ..."},
    "belle": {"instruction": "说出一条河。", "input": "", "output": "长江。"},
    "sharegpt": {"id": "a", "conversations": [*TURNS, *TURNS]},
}


def read(folder: Path, preset: str, record: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    path = folder / "rows.jsonl"
    path.write_text(json.dumps(record or RECORDS[preset], ensure_ascii=False) + "\n", "utf-8")
    source = Source.model_validate({"name": "s", "path": str(path), "preset": preset, **settings})
    [row] = [row for table in read_batches(source, 16) for row in table.to_pylist()]
    return row


@pytest.mark.parametrize("preset", get_args(Preset))
def test_a_record_of_each_is_a_row_with_its_answer(tmp_path: Path, preset: str) -> None:
    row = read(tmp_path, preset, license="MIT")
    assert row["outcome"] is None, row["reason"]
    assert (row["messages"][-1]["content"], row["answer"]) in [
        ("Name a river.", "The Elbe."),
        ("说出一条河。", "长江。"),
    ]
    assert row["language"] == ("zh" if preset == "belle" else "en")


def test_categories_are_kept_as_columns_and_the_rest_in_extra(tmp_path: Path) -> None:
    row = read(tmp_path, "magpie")
    assert (row["task_category"], row["input_quality"], row["instruct_reward"]) == (
        "Information seeking",
        "good",
        -1.25,
    )
    assert json.loads(row["extra"])["difficulty"] == "easy"
    row = read(tmp_path, "openhermes")
    assert (row["category"], json.loads(row["extra"])["source"]) == ("trivia", "airoboros2.2")
    assert row["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_release_in_another_form_is_read_too(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "说出一条河。"}, {"from": "assistant", "value": "长江。"}]
    assert read(tmp_path, "belle", {"id": "1", "conversations": turns})["answer"] == "长江。"


def test_what_the_source_says_itself_comes_first(tmp_path: Path) -> None:
    record = {"orig_question": "Nenne einen Fluss.", "orig_answer": "Die Elbe.", "golden": "Elbe", "level": 3}
    row = read(tmp_path, "webinstruct", record, language="de", columns={"reference": "golden"}, keep={"level": "int"})
    assert (row["language"], row["reference"], row["answer"], row["level"]) == ("de", "Elbe", "Die Elbe.", 3)


def test_a_source_with_a_preset_is_written_back_and_read_alike() -> None:
    source = Source.model_validate({"name": "s", "path": "/x.jsonl", "preset": "magpie", "keep": {"model": "string"}})
    assert set(source.columns_written()) == {*PRESETS["magpie"]["keep"], "model"}
    assert Source.model_validate(source.model_dump(by_alias=True)) == source


def test_an_unknown_collection_is_refused() -> None:
    with pytest.raises(ValidationError, match="openhermes"):
        Source.model_validate({"name": "s", "path": "/x.jsonl", "preset": "openherms"})
