"""From rows to labelled tokens, and from labels to what they weigh; no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from distilray.storage import Store
from distilray.train import CannotTrain, method_named
from distilray.train.data.tokenized import UntrainableRow
from distilray.train.data.tokens import TokenCounts, tokenize_rows, write_tokens
from distilray.train.data.training_data import held_out
from distilray.train.methods.classify.counts import LabelCounts, count_labels, read_labels
from distilray.train.methods.classify.scores import confusion_of, scores
from distilray.train.methods.classify.text import label_of, load_text
from tests.support.checkpoints import make_encoder
from tests.support.encoder import SCHEMA, problems, settings


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_encoder(tmp_path_factory.mktemp("encoder"), layers=1)


def tokenized(encoder: str, made: list[dict[str, Any]], **changes: Any) -> tuple[pa.Table, TokenCounts]:
    chosen = settings(**changes)
    return tokenize_rows(
        pa.Table.from_pylist(made, SCHEMA), method_named(chosen.kind), load_text(encoder, chosen), chosen
    )


def test_a_row_is_its_text_and_its_label(encoder: str) -> None:
    from transformers import AutoTokenizer

    made = problems(3)
    table, counts = tokenized(encoder, made)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    assert [tokenizer.decode(ids) for ids in table["input_ids"].to_pylist()] == [
        row["messages"][0]["content"] for row in made
    ]
    assert table["label"].to_pylist() == [row["operation"] for row in made]
    assert counts.kept == counts.trained_tokens == 3


def test_the_parts_that_a_classifier_reads_stand_one_after_another(encoder: str) -> None:
    row = problems(1)[0] | {"answer": "It is 7.", "reasoning": "3 and 4"}
    table, _ = tokenized(encoder, [row], reads=["answer", "conversation"])
    ids = table["input_ids"][0].as_py()
    text = load_text(encoder, settings()).tokenizer.decode(ids)
    assert text == f"It is 7.\n\n{row['messages'][0]['content']}"


def test_what_has_no_label_or_no_text_is_rejected_with_its_reason(encoder: str) -> None:
    made = problems(5)
    made[0]["operation"] = None
    made[1]["operation"] = "  "
    made[2]["messages"] = [{"role": "user", "content": "how many apples " * 100}]
    made[3]["operation"] = "fr +"
    labels = ["en +", "en -", "zh +", "zh -"]
    _, counts = tokenized(encoder, made, labels=labels)
    assert counts.reasons == {
        "rejected: no label": 2,
        "rejected: longer than max_length": 1,
        "rejected: its label is not in `labels`": 1,
    }
    _, counts = tokenized(encoder, made[4:], reads=["answer"])
    assert counts.reasons == {"rejected: no answer": 1}
    table, counts = tokenized(encoder, made[2:3], long_rows="truncate")
    assert (counts.truncated, len(table["input_ids"][0])) == (1, 128)


@pytest.mark.parametrize(
    ("value", "label"), [("maths", "maths"), (" a b ", "a b"), (7, "7"), (True, "true"), (3.0, "3"), (None, None)]
)
def test_words_whole_numbers_and_truth_are_labels(value: Any, label: str | None) -> None:
    assert label_of(value) == label


@pytest.mark.parametrize("value", [0.5, ["a"], {"a": 1}])
def test_measures_and_lists_are_no_labels(value: Any) -> None:
    found = label_of(value)
    assert isinstance(found, UntrainableRow) and found.outcome == "failed"


def counted(store: Store, encoder: str, column: list[str], **changes: Any) -> LabelCounts:
    made = problems(len(column))
    for row, label in zip(made, column, strict=True):
        row["operation"] = label
    table, counts = tokenized(encoder, made, **changes)
    write_tokens(store, "training/classify/tokens/unit-000000.parquet", table, "key", counts)
    paths = ["training/classify/tokens/unit-000000.parquet"]
    return count_labels(store, paths, settings(**changes), "training/classify")


def test_labels_are_found_in_the_rows_and_counted_apart_from_those_held_out(encoder: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    labels = ["b", "a", "b", "b", "c", "a"] * 10
    counts = counted(store, encoder, labels)
    assert counts.labels == ["a", "b", "c"]
    apart = [held_out(row["id"], 0.2) for row in problems(60)]
    assert counts.held_out == [sum(h for h, label in zip(apart, labels, strict=True) if label == x) for x in "abc"]
    assert [a + b for a, b in zip(counts.train, counts.held_out, strict=True)] == [20, 30, 10]
    assert counts.weights == [1, 1, 1]
    assert read_labels(store, "training/classify") == counts


def test_labels_that_the_recipe_gives_keep_its_order(encoder: str, tmp_path: Path) -> None:
    assert counted(Store(tmp_path), encoder, ["a", "b"] * 30, labels=["b", "a"]).labels == ["b", "a"]


def test_balanced_weights_make_every_label_count_alike_and_a_row_weigh_one_on_average(
    encoder: str, tmp_path: Path
) -> None:
    counts = counted(Store(tmp_path), encoder, ["a"] * 50 + ["b"] * 10, class_weights="balanced")
    train, weights = np.array(counts.train), np.array(counts.weights)
    assert (train * weights)[0] == pytest.approx((train * weights)[1])
    assert (train * weights).sum() == pytest.approx(train.sum())


def test_given_weights_keep_their_ratio(encoder: str, tmp_path: Path) -> None:
    counts = counted(Store(tmp_path), encoder, ["a"] * 40 + ["b"] * 20, class_weights={"b": 3})
    assert counts.weights[1] / counts.weights[0] == pytest.approx(3)


@pytest.mark.parametrize(
    ("column", "changes", "message"),
    [
        (["a"] * 20, {}, "has 'a' in all rows; a classifier needs at least two labels"),
        (["a", "b"] * 20, {"labels": ["a", "b", "c"]}, r"no row to train on for 'c' \(a: \d+, b: \d+\)"),
        (["a", "b"] * 20, {"class_weights": {"d": 2}}, "class_weights names 'd', but column 'operation' has only"),
        (["a", "b"] * 20, {"holdout": 1e-9}, "none of 40 rows is held out at holdout 1e-09"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused_with_the_remedy(
    encoder: str, tmp_path: Path, column: list[str], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CannotTrain, match=message):
        counted(Store(tmp_path), encoder, column, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["a"]}, "two labels or more"),
        ({"labels": ["a", "a"]}, "each once"),
        ({"class_weights": {"a": 0}}, "weights must be above 0"),
        ({"labels": ["a", "b"], "class_weights": {"c": 1}}, "'c' is not in the labels"),
        ({"reads": []}, "at least 1"),
        ({"reads": ["answer", "answer"]}, "each part once"),
        ({"think": True}, "of students that answer"),
        ({"column": None}, "column"),
    ],
)
def test_settings_that_make_no_classifier_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(**changes)


def test_scores_are_those_of_the_confusion() -> None:
    truth, given = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    confusion = confusion_of(truth, given, 4)
    assert confusion.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    found = scores(confusion, ["a", "b", "c", "d"])
    assert found["rows"] == 6
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["per_label"]["a"] == {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "rows": 3}
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.8 + 0) / 3), "d, which nobody saw, does not count"
