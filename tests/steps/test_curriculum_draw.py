"""A draw has the share of hard rows that its round asks for, whatever the order of the rows, and nobody leaves."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from distilray.steps.curriculum_draw import CurriculumDraw

Rows = list[tuple[str, float | None, str]]


def drawn(step: CurriculumDraw, rows: Rows) -> dict[str, str | None]:
    """Id to what became of it; a row that was rejected is an error."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows (id VARCHAR, unit INTEGER, score DOUBLE, task VARCHAR)")
    connection.executemany("INSERT INTO rows VALUES (?, 0, ?, ?)", rows)
    found = connection.execute(f"SELECT id, reason, drawn FROM ({step.decide(connection)})").fetchall()
    assert all(reason is None for _, reason, _ in found)
    assert len(found) == len(rows)
    return {row_id: what for row_id, _, what in found}


def counted(step: CurriculumDraw, rows: Rows) -> tuple[int, int]:
    """How many hard and easy rows are drawn."""
    values = list(drawn(step, rows).values())
    return values.count("hard"), values.count("easy")


def step(**changes: Any) -> CurriculumDraw:
    return CurriculumDraw.model_validate({"by": "score", "hard_share": [0.2, 0.5, 0.8], "top": 40, **changes})


ROWS: Rows = [(f"r{k}", k % 2, "math" if k < 120 else "code") for k in range(200)]
"""Every other one is hard."""


def test_each_round_raises_the_share_of_hard_rows_and_the_last_number_holds_on() -> None:
    rounds = [counted(step().in_round(number), ROWS) for number in (1, 2, 3, 4)]
    assert rounds == [(8, 32), (20, 20), (32, 8), (32, 8)]


def test_each_round_draws_other_rows() -> None:
    same = step(hard_share=0.5)
    first, second = ({i for i, what in drawn(same.in_round(k), ROWS).items() if what} for k in (1, 2))
    assert len(first) == len(second) == 40
    assert len(first & second) < 30


def test_where_there_are_too_few_of_one_kind_the_other_fills_up() -> None:
    few = [(f"r{k}", 0.0 if k < 5 else 1.0, "math") for k in range(100)]
    assert counted(step(hard_share=0.8), few) == (5, 35)
    many = [(f"r{k}", 1.0 if k < 5 else 0.0, "math") for k in range(100)]
    assert counted(step(hard_share=0.2), many) == (35, 5)
    assert counted(step(top=1000), few) == (5, 95)


def test_rows_that_nobody_scored_count_as_easy() -> None:
    assert counted(step(), [(f"r{k}", None, "math") for k in range(100)]) == (0, 40)
    mixed = [*ROWS, *((f"n{k}", None, "math") for k in range(100))]
    assert drawn(step(top=300), mixed)["n0"] == "easy"


def test_a_share_of_all_rows_may_change_from_round_to_round_too() -> None:
    growing = step(top=None, share=[0.1, 0.4], hard_share=0.5)
    assert [counted(growing.in_round(k), ROWS) for k in (1, 2)] == [(10, 10), (40, 40)]


def test_shares_hold_in_each_group() -> None:
    found = drawn(step(top=None, share=0.25, hard_share=0.4, group_by=["task"]), ROWS)
    tasks = {row_id: task for row_id, _, task in ROWS}
    for task, hard, easy in (("math", 12, 18), ("code", 8, 12)):
        values = [what for row_id, what in found.items() if tasks[row_id] == task]
        assert (values.count("hard"), values.count("easy")) == (hard, easy)


def test_the_order_of_rows_changes_nothing() -> None:
    assert drawn(step(), ROWS) == drawn(step(), random.Random(1).sample(ROWS, len(ROWS)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"top": None}, "either share .* or top"),
        ({"share": 0.5}, "either share .* or top"),
        ({"hard_share": [0.5, 1.5]}, r"a share is a number from 0 to 1.*not \[0.5, 1.5\]"),
        ({"share": "half", "top": None}, "a share is a number from 0 to 1.*not 'half'"),
        ({"hard_share": None}, "hard_share"),
    ],
)
def test_settings_that_say_too_little_or_too_much_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        step(**changes)
