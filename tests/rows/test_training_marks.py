"""Which marks on rows and turns say that they are not to be trained on."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from distilray.rows import TrainingMarks, any_marks, label_of, marks_of, schema_with, weight_of


@pytest.mark.parametrize(
    ("turn", "weight"),
    [
        ({}, 1),
        ({"weight": 0}, 0),
        ({"weight": 0.0}, 0),
        ({"weight": Decimal("0.0")}, 0),
        ({"weight": "0"}, 0),
        ({"weight": 1}, 1),
        ({"weight": None}, 1),
        ({"weight": 0.5}, 0.5),
        ({"train": False}, 0),
        ({"train": 0}, 0),
        ({"train": "false"}, 0),
        ({"train": True, "weight": 0}, 0),
        ({"training": False}, 0),
        ({"loss": False}, 0),
        ({"loss": 0.0}, 1),  # may have been measured
        ({"loss": 0.7}, 1),
        ({"train": "a split of that name"}, 1),
    ],
)
def test_a_turn_counts_as_it_is_marked(turn: dict[str, Any], weight: float) -> None:
    assert weight_of({"role": "assistant", "content": "x", **turn}) == weight


@pytest.mark.parametrize(
    ("row", "marks"),
    [
        ({}, TrainingMarks()),
        ({"extra": None}, TrainingMarks()),
        ({"extra": '{"weight": 3, "loss": 0.2}'}, TrainingMarks()),
        ({"extra": '{"train": false}'}, TrainingMarks("train: false")),
        ({"extra": '{"weight": 0}'}, TrainingMarks("weight: 0")),
        ({"weight": 0.0}, TrainingMarks("weight: 0.0")),
        ({"loss": False, "extra": "{}"}, TrainingMarks("loss: false")),
        ({"extra": '{"turn_weights": [1, 0, 1]}'}, TrainingMarks(turns=[1, 0, 1])),
        ({"extra": '{"note": "\\"weight\\": 0"}'}, TrainingMarks()),
    ],
)
def test_a_rows_marks_are_in_its_columns_and_in_what_its_source_had_besides(
    row: dict[str, Any], marks: TrainingMarks
) -> None:
    assert marks_of(row) == marks
    names = {"weight": "float", "loss": "bool"}
    rows = pa.Table.from_pylist([row], schema_with({name: kind for name, kind in names.items() if name in row}))
    assert any_marks(rows) == (marks != TrainingMarks())


def test_one_marked_row_among_many_is_found() -> None:
    rows = [{"extra": json.dumps({"n": k})} for k in range(99)]
    assert not any_marks(pa.Table.from_pylist(rows, schema_with({})))
    assert any_marks(pa.Table.from_pylist([*rows, {"extra": '{"weight": 0}'}], schema_with({})))


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ({}, None),
        ({"label": True}, True),
        ({"label": False, "extra": '{"label": true}'}, False),
        ({"label": None, "extra": '{"label": false}'}, False),
        ({"extra": '{"kto_tag": false}'}, False),
        ({"extra": '{"kto_tag": true, "level": 3}'}, True),
        ({"label": "false"}, None),  # a class of that name
        ({"extra": '{"label": 0, "note": "a \\"label\\" is no word"}'}, None),
    ],
)
def test_an_answer_is_called_good_or_bad_by_true_and_false_alone(row: dict[str, Any], label: bool | None) -> None:
    assert label_of(row) is label
