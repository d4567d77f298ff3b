"""A threshold that keeps nothing stops the run before the training, with the distribution of what it is about."""

from __future__ import annotations

import pytest

from distilray.driver.nothing_left import refuse_nothing_left
from distilray.ledger import Manifest, StepCounts, UnitCounts, write_unit
from distilray.recipe import Recipe, parse
from distilray.rows import schema_with
from distilray.runner import RunStopped
from distilray.storage import Store

RECIPE = """
models:
  teacher: {kind: echo}
sources:
  - {name: a, path: a.jsonl}
steps:
  - answer: {model: teacher}
  - verify_quality: {model: teacher, answer_at: 9}
"""
PHASE = "steps/01-answer+verify_quality"
SCHEMA = schema_with({"answer_quality": "int", "instruction_quality": "int"})


def written(store: Store, kept: int, folder: str = PHASE) -> Recipe:
    """A run whose sources and phase are finished: 12 rows, of which the last step kept ``kept``."""
    sources = Manifest(name="sources", kind="sources", fingerprint="", finished="2026-01-01")
    sources.add(UnitCounts([StepCounts("sources", rows_in=12, kept=12)]))
    sources.write(store, "steps/00-sources")
    rows = [
        {"id": f"a:{k}", "source": "a", "task": "math", "language": "en", "outcome": "kept" if k < kept else "rejected",
         "reason": None if k < kept else "answer below 9", "answer_quality": k % 4, "instruction_quality": 5}
        for k in range(12)
    ]  # fmt: skip
    verified = StepCounts("verify_quality", rows_in=12, kept=kept, rejected=12 - kept)
    verified.reasons = {"rejected: answer below 9": 12 - kept}
    counts = UnitCounts([StepCounts("answer", rows_in=12, kept=12), verified])
    write_unit(store, f"{folder}/unit-00.parquet", rows, SCHEMA, counts)
    manifest = Manifest(name="01-answer+verify_quality", kind="phase", fingerprint="", finished="2026-01-01")
    manifest.add(counts)
    manifest.write(store, folder)
    return parse(RECIPE, "r.yaml")


def test_the_step_its_reasons_and_its_scores_are_shown(local_store: Store) -> None:
    recipe = written(local_store, kept=0)
    with pytest.raises(
        RunStopped, match=r"step verify_quality kept none of 12 rows \(.*answer below 9': 12"
    ) as stopped:
        refuse_nothing_left(local_store, recipe)
    told = str(stopped.value).splitlines()
    assert told[1] == "instruction_quality: 5 in all 12 rows that have a value"
    assert told[2] == "answer_quality over 12 rows (0 without a value):"
    assert told[3].split()[:4] == ["0", "to", "0.15", "3"] and told[-1].split()[:4] == ["2.85", "to", "3", "3"]


def test_a_single_row_is_enough_to_train_on(local_store: Store) -> None:
    refuse_nothing_left(local_store, written(local_store, kept=1))


def test_what_one_round_keeps_is_no_matter(local_store: Store) -> None:
    refuse_nothing_left(local_store, written(local_store, 0, "steps/01-again/round-1/01-answer+verify_quality"))
