"""Select keeps by threshold, by share and by rank, whatever the order of the rows."""

from __future__ import annotations

import random

import duckdb
import pytest
from pydantic import ValidationError

from distilray.steps import STEPS

Select = STEPS["select"]


def decide(step, rows: list[tuple[str, float | None, str]]) -> dict[str, str | None]:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows (id VARCHAR, unit INTEGER, score DOUBLE, task VARCHAR)")
    connection.executemany("INSERT INTO rows VALUES (?, 0, ?, ?)", rows)
    relation = connection.execute(f"SELECT id, reason FROM ({step.decide(connection)})")
    return dict(relation.fetchall())


ROWS = [(f"r{k}", float(k), "math" if k % 2 else "code") for k in range(10)]


def test_a_threshold_keeps_what_reaches_it():
    kept = [i for i, reason in decide(Select(by="score", at_least=7), ROWS).items() if reason is None]
    assert sorted(kept) == ["r7", "r8", "r9"]


def test_a_share_keeps_the_best_of_each_group():
    kept = [i for i, why in decide(Select(by="score", share=0.2, group_by=("task",)), ROWS).items() if why is None]
    assert sorted(kept) == ["r8", "r9"]


def test_the_smallest_can_be_the_best():
    kept = [i for i, why in decide(Select(by="score", top=2, smallest_first=True), ROWS).items() if why is None]
    assert sorted(kept) == ["r0", "r1"]


def test_a_row_without_a_value_is_rejected_and_says_so():
    decided = decide(Select(by="score", top=5), [*ROWS, ("none", None, "math")])
    assert decided["none"] == "no score"


def test_ties_fall_the_same_way_in_any_order():
    same = [(f"r{k}", 1.0, "math") for k in range(20)]
    shuffled = random.Random(1).sample(same, len(same))
    step = Select(by="score", top=7)
    assert decide(step, same) == decide(step, shuffled)


def test_nothing_to_select_by_is_an_error_that_says_what_there_is():
    with pytest.raises(ValidationError, match="give at_least"):
        Select(by="score")


def test_in_a_repeat_each_round_may_keep_a_share_of_its_own():
    step = Select(by="score", smallest_first=True, share=[0.5, 0.2])
    kept = [{i for i, why in decide(step.in_round(k), ROWS).items() if why is None} for k in (1, 2, 3)]
    assert kept == [{"r0", "r1", "r2", "r3", "r4"}, {"r0", "r1"}, {"r0", "r1"}]
