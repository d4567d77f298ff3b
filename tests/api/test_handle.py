"""The handle of a finished run: counts, tables of any step, results, student and report, all from its directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import distilray as dr
from distilray.api import NotARun
from distilray.api.tables import UnknownColumn
from distilray.report.rows_view import UnknownStep
from distilray.storage import Store
from tests.support.practice_run import write_practice_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dr.Run:
    folder = tmp_path_factory.mktemp("run")
    write_practice_run(Store(folder))
    return dr.open_run(str(folder))


def test_outcomes_are_the_counts_of_every_step(run: dr.Run) -> None:
    outcomes = run.outcomes
    assert list(outcomes) == ["sources", "answer", "judge", "check", "select"]
    for counts in outcomes.values():
        assert counts.rows_in + counts.created == counts.kept + counts.rejected + counts.failed
    assert outcomes["check"].reasons == {"rejected: wrong answer": outcomes["check"].rejected}


@pytest.mark.parametrize("step", ["sources", "answer", "judge", "check", "select"])
@pytest.mark.parametrize("outcome", ["kept", "rejected", "failed"])
def test_a_table_has_the_rows_that_the_step_counted(run: dr.Run, step: str, outcome: str) -> None:
    table = run.table(step, ["id", "outcome"], outcome)  # type: ignore[arg-type]
    assert table.num_rows == getattr(run.outcomes[step], outcome)
    assert set(table["outcome"].to_pylist()) <= {outcome}
    assert table.column_names == ["id", "outcome"]


def test_without_an_outcome_a_table_has_every_row_that_entered(run: dr.Run) -> None:
    table = run.table("check", outcome=None)
    assert table.num_rows == run.outcomes["check"].rows_in
    assert {"id", "answer", "score", "outcome", "reason"} <= set(table.column_names)


def test_an_outcome_and_its_reason_are_those_of_the_step(run: dr.Run) -> None:
    rejected_later = set(run.table("check", ["id"], "rejected")["id"].to_pylist())
    at_answer = run.table("answer", ["id", "outcome", "reason"])
    there = [row for row in at_answer.to_pylist() if row["id"] in rejected_later]
    assert there and all((row["outcome"], row["reason"]) == ("kept", None) for row in there)


def test_a_global_step_s_table_has_its_decisions_with_the_rows(run: dr.Run) -> None:
    rows = run.table("select", ["id", "rank", "score", "reason"], outcome="rejected").to_pylist()
    assert rows and {row["reason"] for row in rows} == {"score below 7"}
    assert all(row["score"] < 7 and row["rank"] for row in rows)


def test_a_column_or_a_step_that_is_not_there_is_named_with_those_that_are(run: dr.Run) -> None:
    with pytest.raises(UnknownColumn, match="step 'check' has no column 'scoer'; its columns: .*score"):
        run.table("check", ["scoer"])
    with pytest.raises(UnknownStep, match="no step 'chekc'; there are: sources, answer"):
        run.table("chekc")


def test_pandas_gives_the_same_rows(run: dr.Run) -> None:
    pytest.importorskip("pandas")
    frame = run.pandas("check", ["id", "score"])
    assert list(frame["id"]) == run.table("check", ["id"])["id"].to_pylist()


def test_evaluations_student_and_report(run: dr.Run) -> None:
    assert {(result.model, result.benchmark) for result in run.evaluations} == {
        ("student_before", "held-out"), ("student_after", "held-out"), ("teacher", "held-out"),
    }  # fmt: skip
    assert run.student is None  # this run's record names none
    assert os.path.getsize(run.report()) > 10_000
    assert run.state == "finished" and run.directory in repr(run)


def test_the_student_is_a_path_that_others_can_load(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_json("run.json", {"student": "training/sft/final"})
    assert dr.open_run(tmp_path).student == str(tmp_path / "training/sft/final")


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARun, match="is not a run directory: it has no run.json"):
        dr.open_run(str(tmp_path))
