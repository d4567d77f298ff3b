"""The truth table, small: planted replies through real runs, and the practice world on its real tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.truth_table import agreement, hardness, measure, planted_checks, preservation, table

CHECKS = {
    "language", "task", "near-copy", "grounding, by quote", "grounding, by checker", "language of follow-ups",
    "near-copy of a turn", "boilerplate",
}  # fmt: skip


@pytest.mark.slow
def test_planted_replies_are_told_apart(ray_cluster: None, tmp_path: Path) -> None:
    found = planted_checks(tmp_path, 80)
    assert set(found) == CHECKS
    assert {name: checked["recall"] for name, checked in found.items()} == dict.fromkeys(CHECKS, 1.0)
    assert {name: checked["false_alarms"] for name, checked in found.items()} == dict.fromkeys(CHECKS, 0.0)


@pytest.mark.slow
@pytest.mark.long
def test_the_whole_table_is_measured_and_printed(ray_cluster: None, tmp_path: Path) -> None:
    figures = measure(tmp_path, rows=160, planted=40, seed=3)
    measured = figures["measured"]
    assert measured["judge"]["agreement"] > 0.9 and measured["judge"]["not_judged"] < 16
    hard = measured["difficulty"]
    assert hard["selected"] == 16 and hard["hard_among_selected"] > hard["hard_among_random"]
    assert measured["rewrites"]["answers_preserved_among_taken"] > 0.9
    shown = table(figures)
    assert "measured in the practice world, 160 problems" in shown and "planted, 40 rows" in shown


def row(name: str, **columns: Any) -> dict[str, Any]:
    return {"id": name, "source": "s", "language": "en", "task": "math", **columns}


def test_agreement_counts_right_and_wrong_answers_apart() -> None:
    rows = [
        row("a", accuracy=9, truth_right=True),
        row("b", accuracy=1, truth_right=True),
        row("c", accuracy=1, truth_right=False),
        row("d", accuracy=None, truth_right=False),
    ]
    assert agreement(rows) == {
        "rows": 4, "not_judged": 1, "agreement": 0.6667, "of_right_answers": 0.5, "of_wrong_answers": 1.0,
    }  # fmt: skip


def test_hard_rows_are_those_that_the_student_mostly_answers_wrongly() -> None:
    rows = [
        row(f"r{k}", difficulty=float(k == 3), truth_result="5", samples=["answer: 6" if k in (3, 7) else "answer: 5"])
        for k in range(10)
    ]
    found = hardness(rows)
    assert (found["selected"], found["hard_among_selected"], found["hard_among_random"]) == (1, 1.0, 0.2)
    assert found["hard_rows_found"] == 0.5


def test_only_right_solutions_that_were_rewritten_are_looked_at() -> None:
    rows = [
        row("a", truth_right=True, rewrites=["extended"], outcome="kept", answer="answer: 5", truth_result="5"),
        row("b", truth_right=True, rewrites=["extended: wrong answer", "extended"], outcome="kept", answer="answer: 6",
            truth_result="5"),
        row("c", truth_right=True, rewrites=[], outcome="kept", answer="answer: 5", truth_result="5"),
        row("d", truth_right=False, rewrites=["extended"], outcome="kept", answer="answer: 5", truth_result="5"),
    ]  # fmt: skip
    found = preservation(rows)
    assert (found["right_solutions_rewritten"], found["rewrites"], found["taken"]) == (2, 3, 2)
    assert found["rewrites_not_refused_for_their_answer"] == 0.6667
    assert found["answers_preserved_among_taken"] == 0.5
