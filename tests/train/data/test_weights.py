"""What a source has marked as not to be trained on is not, by any method."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from distilray.rows import schema_with
from distilray.train import METHODS, TrainSettings, method_named, parse_settings
from distilray.train.data.chat import load_chat
from distilray.train.data.tokens import TokenCounts, tokenize_rows
from distilray.train.settings import IGNORED
from tests.support.tiny import rows

TALK = [
    {"role": "user", "content": "What is 2 plus 3?"},
    {"role": "assistant", "content": "It is 6"},
    {"role": "user", "content": "are you sure?"},
]
COLUMNS = {"label": "bool", "beta": "float", "train": "bool"}


def settings(kind: str, **changes: Any) -> TrainSettings:
    more = {"distill": {"teacher": "teacher"}, "classify": {"column": "task"}}.get(kind, {})
    return parse_settings({"kind": kind, "student": "tiny", "epochs": 1, "max_length": 256, **more, **changes})


def tokenized(student: str, kind: str, *made: dict[str, Any], **changes: Any) -> tuple[list[dict], TokenCounts]:
    chosen = settings(kind, **changes)
    method, table = method_named(kind), pa.Table.from_pylist(list(made), schema_with(COLUMNS))
    out, counts = tokenize_rows(table, method, method.renderer(student, chosen, {}), chosen)
    assert counts.reconciled()
    return out.to_pylist(), counts


def row(**changes: Any) -> dict[str, Any]:
    (made,) = rows(1)
    return {**made, "rejected_answer": "The answer is 0", "task": "math", "label": True, **changes}


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ({"extra": '{"weight": 0}'}, "weight: 0"),
        ({"extra": '{"train": false, "level": 3}'}, "train: false"),
        ({"extra": '{"loss": false}'}, "loss: false"),
        ({"train": False}, "train: false"),
    ],
)
def test_no_method_trains_on_a_row_that_is_marked(student: str, kind: str, mark: dict[str, Any], said: str) -> None:
    out, counts = tokenized(student, kind, row(), row(**mark), rows="answer is not null")
    assert [made["outcome"] for made in out] == ["kept", "rejected"]
    assert counts.reasons == {f"rejected: marked as not to be trained on ({said})": 1}


def test_a_label_is_no_mark_whatever_its_column_is_called(student: str) -> None:
    out, _ = tokenized(student, "classify", row(train=False), column="train")
    assert (out[0]["outcome"], out[0]["label"]) == ("kept", "false")


def trained(student: str, made: dict[str, Any]) -> str:
    tokenizer = load_chat(student, settings("sft")).tokenizer
    return tokenizer.decode([label for label in made["labels"] if label != IGNORED])


def test_a_marked_turn_is_read_and_not_trained(student: str) -> None:
    talk = row(messages=TALK, answer="No, 5")
    marked = {**talk, "extra": json.dumps({"turn_weights": [1, 0, 1]})}
    (plain, turned), _ = tokenized(student, "sft", talk, marked, rows="true")
    assert trained(student, plain) == "It is 6<|im_end|>No, 5<|im_end|>"
    assert trained(student, turned) == "No, 5<|im_end|>"
    assert plain["input_ids"] == turned["input_ids"]


def test_a_system_prompt_of_the_training_does_not_shift_the_marks(student: str) -> None:
    marked = row(messages=TALK, answer="No, 5", extra=json.dumps({"turn_weights": [1, 0, 1]}))
    (made,), _ = tokenized(student, "sft", marked, rows="true", system="You add.")
    assert trained(student, made) == "No, 5<|im_end|>"


@pytest.mark.parametrize("kind", [kind for kind in METHODS if kind not in ("sft", "distill")])
def test_methods_that_train_the_last_turn_alone_read_marked_turns_as_others(student: str, kind: str) -> None:
    talk = row(messages=TALK, answer="No, 5")
    marked = {**talk, "extra": json.dumps({"turn_weights": [1, 0, 1]})}
    (plain, turned), _ = tokenized(student, kind, talk, marked, rows="true")
    assert plain["outcome"] == "kept"
    assert plain == turned


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1, 0.5, 1], "a turn has a weight other than 0 and 1"),
        ([1, 1, 1, 0.3], "a turn has a weight other than 0 and 1"),
        ([0, 1], "its turns are not those that its source has marked"),
    ],
)
def test_weights_that_cannot_be_followed_are_refused(student: str, weights: list[float], said: str) -> None:
    marked = row(messages=TALK, answer="No, 5", extra=json.dumps({"turn_weights": weights}))
    _, counts = tokenized(student, "sft", marked, rows="true")
    assert counts.reasons == {f"rejected: {said}": 1}


@pytest.mark.parametrize("kind", [kind for kind in METHODS if kind not in ("kto", "classify")])
@pytest.mark.parametrize(
    "mark", [{"label": False}, {"label": None, "extra": '{"label": false}'}, {"extra": '{"kto_tag": false}'}]
)
def test_a_bad_answer_is_for_kto_alone(student: str, kind: str, mark: dict[str, Any]) -> None:
    rated = row(**{"label": None, **mark})
    _, counts = tokenized(student, kind, row(label=None), rated, {**rated, "rejected_answer": None})
    assert counts.kept == 1
    assert counts.reasons == {"rejected: its label is false: a bad answer, which only kind: kto learns from": 2}


@pytest.mark.parametrize("kind", ["dpo", "simpo"])
def test_a_label_without_a_pair_is_for_kto_too(student: str, kind: str) -> None:
    _, counts = tokenized(student, kind, row(), row(rejected_answer=None), row(rejected_answer=None, label=None))
    assert counts.kept == 1
    assert counts.reasons == {
        "rejected: no rejected answer: an answer with a label alone is for kind: kto": 1,
        "rejected: filtered by `rows`": 1,
    }


def test_kto_takes_both(student: str) -> None:
    _, counts = tokenized(student, "kto", row(), row(label=False))
    assert counts.kept == 2
