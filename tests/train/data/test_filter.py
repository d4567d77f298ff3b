from __future__ import annotations

import pyarrow as pa
import pytest

from distilray.train import CannotTrain, check_condition
from distilray.train.data.filter import columns_in, filter_rows

ROWS = pa.table({"id": ["a", "b", "c"], "gap": [None, "small", None], "score": [1.0, 2.0, None]})


def test_a_condition_that_is_null_does_not_hold() -> None:
    assert filter_rows(ROWS, "gap is null") == [True, False, True]
    assert filter_rows(ROWS, "score < 3") == [True, True, False]


def test_only_columns_that_a_condition_names_are_read() -> None:
    assert columns_in("gap = 'small' and length(id) > 0", ROWS.column_names) == ["id", "gap"]


@pytest.mark.parametrize("wrong", ["gab is null", "gap is", "true); drop table rows; --"])
def test_a_condition_that_cannot_be_asked_is_refused_with_the_reason(wrong: str) -> None:
    with pytest.raises(CannotTrain, match="is not a condition over the rows' columns"):
        check_condition(wrong, ROWS.schema)


def test_a_condition_cannot_reach_outside_its_rows() -> None:
    with pytest.raises(CannotTrain, match="disabled"):
        check_condition("id in (select line from read_csv('/etc/passwd', columns={'line': 'varchar'}))", ROWS.schema)
