from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from distilray.rows import MESSAGES
from distilray.storage import Store
from distilray.train import CannotTrain, method_named, prepare_tokens
from distilray.train.data.chat import load_chat
from distilray.train.data.tokens import TokenCounts, tokenize_rows
from tests.support.pairs import SCHEMA, pair_units, pairs, settings
from tests.support.specs import spec_of


def tokenized(student: str, made: list[dict], **changes: Any) -> tuple[list[dict], TokenCounts]:
    chosen = settings(**changes)
    out, counts = tokenize_rows(
        pa.Table.from_pylist(made, SCHEMA), method_named(chosen.kind), load_chat(student, chosen), chosen
    )
    assert counts.reconciled()
    return out.to_pylist(), counts


def test_a_pair_is_a_prompt_and_two_completions_that_end_their_turn(student: str) -> None:
    (row,), _ = tokenized(student, pairs(1))
    tokenizer = load_chat(student, settings()).tokenizer
    made = pairs(1)[0]
    assert tokenizer.decode(row["prompt_ids"]).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(row["chosen_ids"]) == made["answer"] + "<|im_end|>"
    assert tokenizer.decode(row["rejected_ids"]) == made["rejected_answer"] + "<|im_end|>"
    assert row["beta"] == pytest.approx(0.05)
    assert row["length"] == 2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"])


def test_the_prompt_is_the_one_that_the_student_is_asked_with(student: str) -> None:
    (row,), _ = tokenized(student, pairs(1), system="You add numbers.")
    chat = load_chat(student, settings(system="You add numbers."))
    turns = chat.prompt(pairs(1)[0]["messages"])
    asked = chat.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)
    assert row["prompt_ids"] == list(asked["input_ids"])


@pytest.mark.parametrize(
    ("change", "outcome", "reason"),
    [
        ({"rejected_answer": None}, "rejected", "filtered by `rows`"),
        ({"rejected_answer": ""}, "rejected", "no rejected answer"),
        ({"answer": None}, "rejected", "no answer"),
        ({"answer": "same", "rejected_answer": "same"}, "rejected", "chosen equals rejected"),
        ({"rejected_answer": "1 plus " * 300}, "rejected", "longer than max_length"),
        ({"messages": [{"role": "user", "content": "1 plus " * 300}]}, "rejected", "longer than max_length"),
        ({"beta": math.nan}, "failed", "its beta is not a number above 0"),
        ({"beta": -0.1}, "failed", "its beta is not a number above 0"),
        ({"rejected_answer": "<think>\nno end"}, "failed", "rejected answer: trace without an end"),
    ],
)
def test_a_pair_that_cannot_be_trained_on_says_why(student: str, change: dict, outcome: str, reason: str) -> None:
    made = pairs(3)
    made[1] |= change
    out, _ = tokenized(student, made)
    assert [(row["outcome"], row["reason"]) for row in out] == [("kept", None), (outcome, reason), ("kept", None)]
    assert out[1]["chosen_ids"] is None


def test_a_student_that_thinks_learns_both_with_their_traces_and_one_that_does_not_with_neither(student: str) -> None:
    made = pairs(1)
    made[0]["rejected_answer"] = "<think>\nadd\n</think>\n\n7"
    decode = load_chat(student, settings()).tokenizer.decode
    (row,), _ = tokenized(student, made, think=True)
    assert decode(row["chosen_ids"]).startswith(f"<think>\n{made[0]['reasoning']}\n</think>")
    assert decode(row["rejected_ids"]) == "<think>\nadd\n</think>\n\n7<|im_end|>"
    (row,), _ = tokenized(student, made)
    assert decode(row["chosen_ids"]) == made[0]["answer"] + "<|im_end|>"
    assert decode(row["rejected_ids"]) == "7<|im_end|>"


def test_pairs_that_differ_in_their_traces_alone_are_nothing_to_a_student_without_them(student: str) -> None:
    made = pairs(1)
    made[0]["rejected_answer"] = f"<think>\nadd\n</think>\n\n{made[0]['answer']}"
    (row,), _ = tokenized(student, made)
    assert row["reason"].startswith("chosen equals rejected without their reasoning: set think: true, or put an inline")
    (row,), _ = tokenized(student, made, think=True)
    assert row["outcome"] == "kept"


def test_long_pairs_are_cut_only_where_that_is_asked_for(student: str) -> None:
    made = pairs(1)
    made[0]["rejected_answer"] = "1 plus " * 300
    (row,), counts = tokenized(student, made, long_rows="truncate")
    assert counts.truncated == 1
    assert len(row["prompt_ids"]) + len(row["rejected_ids"]) == 256


def test_rows_without_a_column_of_betas_are_pairs_all_the_same(student: str) -> None:
    chosen = settings()
    table = pa.Table.from_pylist(pairs(2), SCHEMA).drop_columns(["beta", "gap"])
    out, counts = tokenize_rows(table, method_named(chosen.kind), load_chat(student, chosen), chosen)
    assert counts.kept == 2
    assert out["beta"].to_pylist() == [None, None]
    assert table.schema.field("messages").type == MESSAGES


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_pairs_that_all_fall_away_are_refused_before_training(student: str, tmp_path: Path) -> None:
    made = pairs(20)
    for row in made:
        row["rejected_answer"] = row["answer"]
    store = Store(tmp_path)
    with pytest.raises(CannotTrain, match=r"no row is left to train on: rejected: chosen equals rejected \(20\)"):
        prepare_tokens(spec_of(store, settings(), student, "training/dpo"), pair_units(store, made))
