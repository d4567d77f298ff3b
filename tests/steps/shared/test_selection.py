"""What a selection says about itself: the distribution and the share kept, for each task and language."""

from __future__ import annotations

import duckdb
import pytest

from distilray.steps.select import Select
from distilray.steps.shared.selection import BARS, GROUPS, written_out

Rows = list[tuple[str, float | None, str | None, str | None]]


def summary(step: Select, rows: Rows) -> dict:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE rows (id VARCHAR, unit INTEGER, gain DOUBLE, task VARCHAR, language VARCHAR)")
        connection.executemany("INSERT INTO rows VALUES (?, 0, ?, ?, ?)", rows)
        return step.summary(connection)


ROWS: Rows = [
    *((f"m{k}", float(k), "math", "en") for k in range(10)),
    *((f"w{k}", float(k) - 4, "writing", "zh") for k in range(5)),
    ("none", None, None, None),
]


def test_every_task_and_language_has_its_share_and_its_distribution() -> None:
    found = summary(Select(by="gain", at_least=4), ROWS)
    assert (found["column"], found["low"], found["high"]) == ("gain", -4, 9)
    assert (found["rows"], found["kept"], found["without"]) == (16, 6, 1)
    groups = {(group["task"], group["language"]): group for group in found["groups"]}
    assert list(groups) == [("math", "en"), ("writing", "zh"), ("others", "en")]  # largest first
    maths, writing, others = groups.values()
    assert (maths["rows"], maths["kept"], writing["kept"], others["rows"]) == (10, 6, 0, 1)
    assert sum(rows for rows, _ in maths["bars"]) == 10 and sum(kept for _, kept in maths["bars"]) == 6
    assert maths["bars"][-1] == [1, 1]  # the highest value is in the last bar
    assert writing["bars"][0] == [1, 0] and sum(rows for rows, _ in others["bars"]) == 0


def test_a_share_in_each_group_is_told_too() -> None:
    found = summary(Select(by="gain", share=0.2, group_by=("task",)), ROWS)
    assert {group["task"]: group["kept"] for group in found["groups"]} == {"math": 2, "writing": 1, "others": 0}


def test_the_distribution_is_written_out_for_a_terminal() -> None:
    step = Select(by="gain", at_least=100)
    lines = step.explanation(summary(step, ROWS)).splitlines()
    assert lines[0] == "gain over 15 rows (1 without a value):"
    assert len(lines) == 1 + BARS
    assert lines[1].split()[:4] == ["-4", "to", "-3.35", "1"] and lines[1].endswith("#")
    assert lines[-1].split()[:4] == ["8.35", "to", "9", "1"]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([("a", None, "math", "en")], "gain: no row has a value"),
        ([("a", 2.5, "math", "en"), ("b", 2.5, "math", "en")], "gain: 2.5 in all 2 rows that have a value"),
    ],
)
def test_one_value_or_none_is_said_in_words(rows: Rows, line: str) -> None:
    assert written_out(summary(Select(by="gain", at_least=3), rows)) == line


def test_a_sample_without_a_column_has_no_summary() -> None:
    step = Select(top=5)
    assert summary(step, ROWS) == {} and step.explanation({}) == ""


def test_many_tasks_are_told_apart_up_to_a_limit() -> None:
    rows: Rows = [(f"r{k}", float(k), f"task {k:03}", "en") for k in range(GROUPS + 9)]
    found = summary(Select(by="gain", at_least=0), rows)
    assert len(found["groups"]) == GROUPS + 1
    assert found["groups"][0]["rows"] == 9 and found["groups"][0]["task"] == "others"


def test_a_selection_by_a_column_reads_what_it_groups_by() -> None:
    assert Select(by="gain", at_least=0).columns_read() == {"gain", "task", "language"}
