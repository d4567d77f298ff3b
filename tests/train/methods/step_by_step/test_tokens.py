"""A row becomes two sequences: the answer to the plain question, the reasoning to the question behind a prefix."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from distilray.rows import CORE
from distilray.train import SFTSettings, method_named
from distilray.train.data.chat import load_chat
from distilray.train.data.tokens import TokenCounts, tokenize_rows
from distilray.train.methods.step_by_step.method import asking_why
from distilray.train.methods.step_by_step.targets import LABEL, RATIONALE
from distilray.train.methods.step_by_step.trainer import sequences_of
from tests.support.tiny import rows
from tests.support.two_targets import settings


def tokenized(student: str, made: list[dict[str, Any]], **changes: Any) -> tuple[list[dict[str, Any]], TokenCounts]:
    chosen = settings(**changes)
    table, counts = tokenize_rows(
        pa.Table.from_pylist(made, CORE), method_named(chosen.kind), load_chat(student, chosen), chosen
    )
    return table.to_pylist(), counts


def said(student: str, part: dict[str, list[int]]) -> tuple[str, str]:
    """What a sequence asks, and what is trained of it, as text."""
    tokenizer = load_chat(student, settings()).tokenizer
    trained = [label for label in part["labels"] if label != -100]
    asked = part["input_ids"][: part["labels"].index(trained[0])]
    return tokenizer.decode(asked), tokenizer.decode(trained)


def test_the_answer_is_asked_for_as_in_service_and_the_reasoning_behind_a_prefix(student: str) -> None:
    [row], _ = tokenized(student, [rows(1)[0] | {"answer": "15", "language": "en"}], system="You add numbers.")
    label, rationale = sequences_of(row)
    question, reasoning = rows(1)[0]["messages"][0]["content"], rows(1)[0]["reasoning"]
    opening = "<|im_start|>system\nYou add numbers.<|im_end|>\n<|im_start|>user\n"
    assert said(student, label) == (f"{opening}{question}<|im_end|>\n<|im_start|>assistant\n", "15<|im_end|>")
    asked, learned = said(student, rationale)
    prefix = "Explain step by step how to answer the following question."
    assert asked == f"{opening}{prefix}\n\n{question}<|im_end|>\n<|im_start|>assistant\n"
    assert learned == f"{reasoning}<|im_end|>"
    assert {*label["targets"]} == {LABEL} and {*rationale["targets"]} == {RATIONALE}


def test_the_prefix_is_in_the_language_of_the_row(student: str) -> None:
    made = [rows(1)[0] | {"language": language} for language in ("zh", "fr", None)]
    out, _ = tokenized(student, made)
    asked = [said(student, part)[0] for row in out for part in sequences_of(row) if part["targets"][0] == RATIONALE]
    assert "请逐步说明如何回答下面的问题。\n\nWhat is" in asked[0]
    assert all("Explain step by step" in text for text in asked[1:])


def test_only_the_last_of_the_users_turns_gets_the_prefix() -> None:
    turns = [
        {"role": "user", "content": "2+3?"},
        {"role": "assistant", "content": "5"},
        {"role": "user", "content": "x2?"},
    ]
    assert [turn["content"] for turn in asking_why(turns, "Why?")] == ["2+3?", "5", "Why?\n\nx2?"]
    assert turns[-1]["content"] == "x2?"


def test_rows_that_lack_a_target_or_are_too_long_in_one_say_so(student: str) -> None:
    made = rows(4)
    made[0]["reasoning"] = None
    made[1]["answer"] = ""
    made[2]["reasoning"] = "1 plus " * 300
    out, counts = tokenized(student, made)
    assert [row["reason"] for row in out] == ["no reasoning", "no answer", "reasoning: longer than max_length", None]
    assert counts.reconciled()
    assert out[3]["length"] == len(out[3]["input_ids"]) == len(out[3]["targets"]) == counts.longest


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"think": True}, "the answer stands alone"),
        ({"rationale_prefix": {"zh": "为什么"}}, "needs a text for `en`"),
        ({"rationale_prefix": {"en": " "}}, "rationale_prefix.en is empty.*set for example 'Explain"),
        ({"rationale_weight": -1}, "greater than or equal to 0"),
        ({"loss_on": "assistant"}, "answer"),
    ],
)
def test_settings_that_make_no_sense_are_told_with_what_would(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**changes)


def test_it_knows_all_that_fine_tuning_knows() -> None:
    ours = type(settings()).model_fields
    assert set(SFTSettings.model_fields) < set(ours)
    assert [name for name, field in ours.items() if not field.description] == []
