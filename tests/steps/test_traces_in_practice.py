"""The steps on traces with the practice world's judge on a real engine: what they are worth is known there."""

from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds
import pytest

from distilray.driver import run
from distilray.ledger import reconcile
from distilray.storage import Store
from distilray.verifiers import numeric_equal
from tests.support.paths import RECIPES

RECIPE = RECIPES / "practice_ds3.yaml"
SHORT = [
    "sources.traces.with.rows=96",
    "sources.traces.with.split=held_out",
    "resources.unit_rows=32",
    "train=[]",
    "evaluate=[]",
]


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory, ray_cluster: None) -> Path:
    directory = tmp_path_factory.mktemp("aligned")
    run(str(RECIPE), SHORT, directory=str(directory))
    return directory


def all_rows(directory: Path) -> list[dict]:
    [phase] = (directory / "steps").glob("01-*")
    return ds.dataset(sorted(str(path) for path in phase.glob("unit-*.parquet"))).to_table().to_pylist()


def rows_of(directory: Path) -> list[dict]:
    """Without the pairs that were made of them."""
    return [row for row in all_rows(directory) if row["parent"] is None]


@pytest.mark.long
def test_most_right_traces_end_up_medium_and_right(aligned: Path) -> None:
    right = [row for row in rows_of(aligned) if row["truth_right"]]
    kept = [row for row in right if row["outcome"] == "kept"]
    assert len(kept) > 0.7 * len(right)
    assert all(row["ratings"][-1] == "medium" for row in kept)
    assert all(numeric_equal(row["answer"], row["reference"]).right for row in kept)


@pytest.mark.long
def test_no_wrong_trace_is_let_through(aligned: Path) -> None:
    wrong = [row for row in rows_of(aligned) if not row["truth_right"]]
    assert wrong
    assert all(row["outcome"] == "rejected" and row["reason"] == "wrong answer" for row in wrong)


@pytest.mark.long
def test_hard_traces_get_shorter_and_easy_ones_longer(aligned: Path) -> None:
    moved = [row for row in rows_of(aligned) if row["outcome"] == "kept" and row["rounds"]]
    hard = [row["trace_tokens_before"] > row["trace_tokens_after"] for row in moved if row["origin"] == "hard"]
    easy = [row["trace_tokens_before"] < row["trace_tokens_after"] for row in moved if row["origin"] == "easy"]
    assert hard and easy
    assert all(hard) and all(easy)


@pytest.mark.long
def test_pairs_are_right_over_wrong_or_aligned_over_original(aligned: Path) -> None:
    pairs = [row for row in all_rows(aligned) if row["parent"] is not None]
    parents = {row["id"]: row for row in rows_of(aligned)}
    assert {row["gap"] for row in pairs} == {"small", "medium", "large"}
    for row in pairs:
        assert numeric_equal(row["answer"], row["reference"]).right
        assert numeric_equal(row["rejected_answer"], row["reference"]).right is (row["gap"] == "small")
        if row["gap"] != "medium":
            assert row["answer"] == parents[row["parent"]]["answer"]
        assert "<think>" not in row["answer"] + row["rejected_answer"] and row["reasoning"] is None


@pytest.mark.long
def test_every_row_is_accounted_for(aligned: Path) -> None:
    rows = rows_of(aligned)
    assert len(rows) == 96
    assert {row["outcome"] for row in rows} <= {"kept", "rejected", "failed"}
    assert not reconcile(Store(str(aligned)), deep=True).problems
