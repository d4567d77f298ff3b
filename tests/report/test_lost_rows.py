"""What a run has lost: per source and per step, with the command that shows it, and whether it is more than allowed."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pytest

from distilray.ledger import Manifest, StepCounts
from distilray.recipe import Recipe, parse
from distilray.report import losses, show_rows
from distilray.sources import SourceCount
from distilray.storage import Store, write_parquet
from distilray.train import TokenCounts, TokenManifest

RECIPE = """
models: {teacher: {kind: echo}}
sources:
  - {name: a, path: a.jsonl}
  - {name: b, path: b.jsonl, lost_share: 0.2}
steps:
  - answer: {model: teacher}
  - check
"""


def written(store: Store, sources: dict[str, SourceCount], *steps: StepCounts) -> Recipe:
    details = {name: {"kept": 1, **count.to_json()} for name, count in sources.items()}
    rows = sum(count.rows for count in sources.values())
    first = Manifest(name="sources", kind="sources", fingerprint="", steps=[StepCounts("sources", rows_in=rows)])
    first.details["sources"] = details
    first.write(store, "steps/00-sources")
    Manifest(name="01-answer+check", kind="phase", fingerprint="", steps=list(steps)).write(
        store, "steps/01-answer+check"
    )
    return parse(RECIPE, "r.yaml")


def test_nothing_lost_is_nothing_to_say(local_store: Store) -> None:
    recipe = written(local_store, {"a": SourceCount(400, 0, 400)}, StepCounts("answer", rows_in=400, kept=400))
    assert losses(local_store, recipe) == []


@pytest.mark.parametrize(("failed", "too_much"), [(4, False), (5, True)])
def test_more_than_the_share_of_a_source_is_too_much(local_store: Store, failed: int, too_much: bool) -> None:
    recipe = written(local_store, {"a": SourceCount(400, 0, 400, failed), "b": SourceCount(10, 0, 10, 2)})
    one, other = losses(local_store, recipe)
    more = " (more than its lost_share of 0.01)" if too_much else ""
    assert (one.text, one.too_much) == (f"{failed} of 400 rows failed in sources, from a{more}", too_much)
    assert (other.text, other.too_much) == ("2 of 10 rows failed in sources, from b", False)
    assert one.command == f"distilray rows {local_store.typed} sources --outcome failed"


def test_a_file_without_its_end_is_too_much_unless_all_may_be_lost(local_store: Store) -> None:
    cut = SourceCount(1000, 0, 1000, 1, 0, ["b.jsonl.gz:14: its gzip data is cut short"])
    recipe = written(local_store, {"a": cut})
    (loss,) = losses(local_store, recipe)
    assert loss.too_much
    assert "; cannot be read to its end: b.jsonl.gz:14: its gzip data is cut short (how much" in loss.text
    allowed = parse(RECIPE, "r.yaml", ["sources.a.lost_share=1"])
    assert [loss.too_much for loss in losses(local_store, allowed)] == [False]


def test_records_that_one_failed_row_stands_for_are_counted(local_store: Store) -> None:
    (loss,) = losses(local_store, written(local_store, {"a": SourceCount(3000, 0, 2001, 1, 999)}))
    assert loss.too_much and loss.text.startswith("1,000 of 3,000 rows failed in sources")


@pytest.mark.parametrize(("failed", "too_much"), [(3, False), (5, True)])
def test_a_step_says_how_many_failed_and_why(local_store: Store, failed: int, too_much: bool) -> None:
    reasons: dict[str, Any] = {"failed: no reply within 60 s": failed - 1, "failed: other": 1, "rejected: short": 9}
    steps = StepCounts("answer", rows_in=6, kept=6 - failed, failed=failed, reasons=reasons)
    recipe = written(local_store, {"a": SourceCount(6, 0, 6)}, steps, StepCounts("check", rows_in=1, kept=1))
    (loss,) = losses(local_store, recipe)
    assert loss.text == f"{failed} of 6 rows failed in answer, most often: no reply within 60 s"
    assert loss.command == f"distilray rows {local_store.typed} answer --outcome failed"
    assert loss.too_much is too_much


def test_answers_to_a_benchmark_that_failed_are_told(local_store: Store) -> None:
    recipe = written(local_store, {"a": SourceCount(6, 0, 6)})
    questions = StepCounts("sources", rows_in=10, kept=9, failed=1, reasons={"failed: malformed": 1})
    answers = StepCounts("benchmark", rows_in=9, kept=7, failed=2, reasons={"failed: no reply": 2})
    for folder, counts in (("benchmarks/q", questions), ("evaluations/teacher/q", answers)):
        Manifest(name="q", kind="phase", fingerprint="", steps=[counts]).write(local_store, folder)
    read, answered = losses(local_store, recipe)
    assert read.text == "1 of 10 rows failed in benchmarks/q:sources, most often: malformed"
    assert answered.text == "2 of 9 rows failed in evaluations/teacher/q:benchmark, most often: no reply"
    assert answered.command.endswith(" evaluations/teacher/q:benchmark --outcome failed")


def test_rows_that_a_training_could_not_render_are_told_and_shown(local_store: Store) -> None:
    recipe = written(local_store, {"a": SourceCount(6, 0, 6)})
    Manifest(name="sft", kind="training", fingerprint="").write(local_store, "training/sft")
    counts = TokenCounts(rows_in=3, kept=1, rejected=1, failed=1, reasons={"failed: refused": 1, "rejected: long": 1})
    made = TokenManifest(
        folder="training/sft/tokens", renderer_hash="", fingerprint="", counts=counts, units=["unit-000000.parquet"]
    )
    local_store.write_json("training/sft/tokens/manifest.json", made)
    rows = [("s/a:1", "kept", None), ("s/a:2", "failed", "refused"), ("s/a:3", "rejected", "long")]
    table = pa.Table.from_pylist([{"id": i, "outcome": o, "reason": r, "length": 9} for i, o, r in rows])
    write_parquet(local_store, made.paths[0], table, "distilray.tokens", {})
    (loss,) = losses(local_store, recipe)
    assert (loss.text, loss.too_much) == ("1 of 3 rows failed in training/sft, most often: refused", False)
    assert loss.command == f"distilray rows {local_store.typed} training/sft --outcome failed"
    out = io.StringIO()
    assert show_rows(local_store, "training/sft", outcome="failed", out=out) == 1
    assert "s/a:2  failed: refused" in out.getvalue()
