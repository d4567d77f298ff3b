"""Two digits about every trace, and the traces that suit a student's size."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError

from distilray.steps.score_trace import ScoreTrace
from distilray.steps.select import Select
from distilray.steps.shared.student_sizes import SUITS
from tests.support.planted import go, problem


def decided(step: Select, *rows: tuple) -> dict[str, str | None]:
    """What becomes of ``(id, verbosity, difficulty, score)``."""
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE rows "
            "(id VARCHAR, unit INT, reasoning_verbosity BIGINT, cognitive_difficulty BIGINT, score DOUBLE)"
        )
        connection.executemany("INSERT INTO rows VALUES (?, 0, ?, ?, ?)", rows)
        return {name: reason for name, _, reason, *_ in connection.execute(step.decide(connection)).fetchall()}


def test_both_scores_become_columns(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, ScoreTrace(model="judge"), problem(), judge=['{"verbosity": 7, "difficulty": 1}'])
    assert outcome.columns == {"reasoning_verbosity": 7, "cognitive_difficulty": 1}


def test_a_sentence_with_numbers_in_it_is_no_score(tmp_path: Path) -> None:
    outcome, engine = go(
        tmp_path, ScoreTrace(model="judge"), problem(), judge=["7 and 1", '{"verbosity": 6, "difficulty": 2}']
    )
    assert outcome.columns == {"reasoning_verbosity": 6, "cognitive_difficulty": 2}
    assert len(engine.asked) == 2


def test_select_keeps_what_suits_the_student() -> None:
    rows = [
        ("fits", 4, 3, 0.0),
        ("bare", 0, 3, 0.0),
        ("wordy", 9, 3, 0.0),
        ("deep", 4, 9, 0.0),
        ("unscored", None, 3, 0.0),
    ]
    assert decided(Select(match="7B"), *rows) == {
        "fits": None,
        "bare": "reasoning_verbosity too low for 7B",
        "wordy": "reasoning_verbosity too high for 7B",
        "deep": "cognitive_difficulty too high for 7B",
        "unscored": "no reasoning_verbosity",
    }


def test_a_bigger_student_takes_what_a_smaller_one_cannot() -> None:
    assert decided(Select(match="32B"), ("deep", 4, 9, 0.0)) == {"deep": None}
    ceilings = [suits.difficulty[1] for suits in SUITS.values()]
    assert ceilings == sorted(ceilings)


def test_a_match_and_a_threshold_hold_together() -> None:
    step = Select(match="7B", by="score", at_least=0.5)
    assert decided(step, ("low", 4, 3, 0.1), ("wordy", 9, 3, 0.9), ("good", 4, 3, 0.9)) == {
        "low": "score below 0.5",
        "wordy": "reasoning_verbosity too high for 7B",
        "good": None,
    }


def test_select_needs_something_to_do() -> None:
    with pytest.raises(ValidationError, match="name it in `by`"):
        Select(at_least=3)
    with pytest.raises(ValidationError, match="nothing to select by"):
        Select(by="score")


def test_without_a_column_select_takes_a_sample_that_is_the_same_every_time() -> None:
    rows = [(f"row-{k}", 4, 3, 0.0) for k in range(20)]
    taken = {name for name, reason in decided(Select(top=5), *rows).items() if reason is None}
    assert len(taken) == 5
    assert taken == {name for name, reason in decided(Select(top=5), *rows[::-1]).items() if reason is None}


def test_a_match_reads_what_score_trace_writes() -> None:
    assert Select(match="7B").columns_read() == set(ScoreTrace.writes)
