from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from distilray.storage import Store
from distilray.train.data.tokens import TokenCounts, counts_of_tokens, made_of, schema_of, write_tokens
from distilray.train.data.training_data import open_feed
from distilray.train.methods.distill.method import Distill
from distilray.train.methods.distill.sampling import Round, answer_start
from distilray.train.scoring.scores import ScoreCounts, counts_of, read_scores, scores_path, write_scores
from distilray.train.settings import IGNORED
from tests.support.taught import feed_in, score, settings
from tests.support.trainer import model_at

IDS = [f"row:{number}" for number in range(2000)]


def round_(number: int = 1, seed: int = 0) -> Round:
    return Round(number, 0.25, "training/distill/round-01/tokens", settings(seed=seed), schema_of(Distill()), stop_id=2)


def drawn(chosen: Round) -> set[str]:
    return {row_id for row_id in IDS if chosen.draw(row_id, "rows") < chosen.share}


def test_a_round_takes_about_its_share_of_the_rows_and_the_same_again() -> None:
    assert 400 < len(drawn(round_())) < 600
    assert drawn(round_()) == drawn(round_())


def test_every_round_and_every_seed_draws_anew() -> None:
    first = drawn(round_())
    for other in (drawn(round_(number=2)), drawn(round_(seed=1))):
        assert 60 < len(first & other) < 190  # a quarter of a quarter


def test_what_is_drawn_for_one_purpose_says_nothing_of_another() -> None:
    chosen = round_()
    own = {row_id for row_id in IDS if chosen.draw(row_id, "own") < 0.25}
    assert 60 < len(drawn(chosen) & own) < 190


@pytest.mark.parametrize(
    ("labels", "start"),
    [([IGNORED, IGNORED, 5, 6], 2), ([IGNORED, 4, IGNORED, 5, 6], 3), ([IGNORED, 4, 5, IGNORED], 1)],
)
def test_the_answer_is_the_last_run_of_trained_tokens(labels: list[int], start: int) -> None:
    assert answer_start(labels) == start


def test_a_round_keeps_the_names_of_the_trainings_files() -> None:
    assert round_().path("training/distill/tokens/unit-000004.parquet").endswith("round-01/tokens/unit-000004.parquet")
    assert scores_path("training/gkd/round-02/tokens/u.parquet", "t") == "training/gkd/round-02/scores/t/u.parquet"


def test_a_unit_of_which_a_round_takes_no_row_is_fed_as_nothing(student: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    paths = [f"training/distill/round-01/tokens/unit-{number:06d}.parquet" for number in range(2)]
    token = {"id": "a", "outcome": "kept", "length": 3, "input_ids": [4, 5, 6], "labels": [IGNORED, 5, 6]}
    for path, rows in zip(paths, ([], [token]), strict=True):
        table = pa.Table.from_pylist(rows, schema_of(Distill()))
        write_tokens(store, path, table, "key", TokenCounts(rows_in=len(rows), kept=len(rows)))
        score(store, path, model_at(student))
    folder = tmp_path / "feed"
    feed_in(store, paths, folder)
    assert open_feed(str(folder), packed=False).train["scores"][:] == [[-1, 0, 1]]


def test_files_made_in_another_way_are_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_scores(store, "scores/t/u.parquet", [], "one", ScoreCounts())
    assert counts_of(store, "scores/t/u.parquet", "one") == ScoreCounts()
    assert counts_of(store, "scores/t/u.parquet", "another") is None
    assert counts_of(store, "scores/t/none.parquet", "one") is None
    assert read_scores(store, "scores/t/u.parquet") == {}
    write_tokens(store, "tokens/u.parquet", pa.Table.from_pylist([], schema_of(Distill())), "one", TokenCounts())
    assert made_of(store, "tokens/u.parquet") == "one"
    assert counts_of_tokens(store, "tokens/u.parquet", "another") is None
