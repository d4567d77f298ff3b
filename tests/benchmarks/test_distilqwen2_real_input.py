"""The recipe that real input goes through has every step of the post, and a run is killed inside every stage."""

from __future__ import annotations

from pathlib import Path

import pytest

import distilray as dr
from benchmarks.distilqwen2_real_input import LIMITS, recipe_of
from benchmarks.killed_everywhere import entered, run_through_kills
from distilray.ledger import reconcile
from distilray.storage import Store
from tests.support.echo_recipe import write
from tests.support.paths import ROOT

STUDENT = ROOT / "distilray" / "practice" / "checkpoints" / "student_warm"
OF_THE_POST = {
    "synthesize", "deduplicate", "decontaminate", "classify_task", "score_difficulty", "select", "balance", "localize",
    "expand", "refine", "answer", "best_answer", "follow_up", "rewrite", "find_boilerplate", "verify_quality",
    "preference_pairs",
}  # fmt: skip


def test_the_recipe_has_every_step_of_the_post_and_more_than_5000_rows(tmp_path: Path) -> None:
    recipe = recipe_of(STUDENT, tmp_path / "instructions", LIMITS, "http://127.0.0.1:1/v1")
    assert {entry.uses for entry in recipe.all_steps()} == OF_THE_POST
    assert [entry.name for entry in recipe.all_trainings()] == ["sft", "dpo"]
    assert sum(LIMITS.values()) > 5000
    assert dr.Recipe.from_document(recipe.document(), "again") == recipe


def test_nothing_has_been_entered_before_a_run_begins(tmp_path: Path) -> None:
    assert list(entered(Store(tmp_path / "run"))) == []


@pytest.mark.slow
@pytest.mark.long
def test_a_run_that_is_killed_inside_every_stage_ends_whole(tmp_path: Path) -> None:
    recipe = write(tmp_path, rows=600, latency=0.3, in_flight=32)
    kills, again, _ = run_through_kills(Path(recipe), str(tmp_path / "run"), tmp_path / "log")
    assert "steps/01-answer+check" in {kill.stage for kill in kills}
    assert again == 0
    run = dr.open_run(tmp_path / "run")
    assert run.state == "finished" and reconcile(run.store, deep=True).ok
    ids = run.table("sources", ["id"])["id"].to_pylist()
    assert len(ids) == len(set(ids)) == 600
