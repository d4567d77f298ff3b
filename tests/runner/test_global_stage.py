"""A global step on a real cluster: it decides on every row, and after a kill on no unit again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distilray.ledger import Manifest, StepCounts, UnitCounts, UnitInput, kept_rows, read_unit_counts, write_unit
from distilray.rows import schema_with
from distilray.runner import Context, GlobalStage, NamedStep, RunStopped, run_global
from distilray.runner.global_stage import _decide
from distilray.steps import GlobalStep
from distilray.steps.curriculum_draw import CurriculumDraw
from distilray.steps.select import Select
from distilray.storage import Store
from tests.support.contexts import context_on

pytestmark = pytest.mark.slow
FOLDER, STAGE = "steps/01-answer", "steps/02-select"
SCHEMA = schema_with({"score": "float"})
TOGETHER = 2
SIZES = (5, 0, 8, 3, 0, 7, 0)
"""Rows of each unit; every fourth was rejected before."""

Inputs = list[tuple[str, UnitInput]]


@pytest.fixture
def context(ray_cluster: None, tmp_path: Path) -> Iterator[Context]:
    with context_on(Store(tmp_path / "run")) as given:
        yield given


def write_units(store: Store) -> Inputs:
    number, inputs = 0, []
    for k, size in enumerate(SIZES):
        rows, counts = [], StepCounts("answer", rows_in=size)
        for _ in range(size):
            number += 1
            outcome, reason = ("rejected", "bad") if number % 4 == 0 else ("kept", None)
            counts.count(outcome, reason)
            score = None if number == 3 else float(number * 7 % 23)
            rows.append({"id": f"s/{number:03d}", "outcome": outcome, "reason": reason, "score": score})
        path = f"{FOLDER}/unit-{k}.parquet"
        write_unit(store, path, rows, SCHEMA, UnitCounts(steps=[counts]))
        inputs.append((f"unit-{k}", UnitInput(path)))
    return inputs


def stage(step: GlobalStep, directory: str = STAGE) -> GlobalStage:
    return GlobalStage(directory, NamedStep("select", step), "fingerprint")


def read(store: Store, inputs: Inputs, columns: list[str]) -> list[dict]:
    return [row for _, unit in inputs for row in kept_rows(store, unit, columns).to_pylist()]


def test_every_kept_row_is_decided_on_and_every_unit_has_decisions(context: Context) -> None:
    store, inputs = context.store, write_units(context.store)
    before = read(store, inputs, ["id", "score"])
    left = run_global(context, stage(Select(by="score", top=6)), inputs, TOGETHER)
    best = sorted((row["score"] for row in before if row["score"] is not None), reverse=True)[:6]
    after = read(store, left, ["id", "score", "rank"])
    assert sorted((row["score"] for row in after), reverse=True) == best
    assert sorted(row["rank"] for row in after) == [1, 2, 3, 4, 5, 6]
    assert [row["id"] for row in after] == sorted(row["id"] for row in after)  # in the order of units and rows
    decided = [unit.decisions[-1] for _, unit in left]
    assert decided == [f"{STAGE}/decisions/unit-{k}.parquet" for k in range(len(SIZES))]
    counts = [read_unit_counts(store, path).steps[0] for path in decided]
    assert [one.rows_in for one in counts] == [kept_rows(store, unit, ["id"]).num_rows for _, unit in inputs]
    manifest = Manifest.read(store, STAGE)
    assert manifest is not None and manifest.finished and manifest.units == len(SIZES)
    [total] = manifest.steps
    assert (total.rows_in, total.kept, total.rejected) == (len(before), 6, len(before) - 6)
    assert total.reasons == {"rejected: not among the best 6": len(before) - 7, "rejected: no score": 1}
    assert sorted(store.names(STAGE)) == ["decisions", "manifest.json"]  # scans and shards are gone


def test_a_second_step_respects_what_the_first_decided(context: Context) -> None:
    inputs = write_units(context.store)
    first = run_global(context, stage(Select(by="score", top=6)), inputs, TOGETHER)
    second = run_global(context, stage(Select(by="rank", at_most=2), "steps/03-select"), first, TOGETHER)
    best = [row["id"] for row in read(context.store, first, ["id", "rank"]) if row["rank"] <= 2]
    assert [row["id"] for row in read(context.store, second, ["id"])] == best
    assert run_global(context, stage(Select(by="rank", at_most=2), "steps/03-select"), first, TOGETHER) == second


def test_values_that_show_what_a_step_did_are_counted(context: Context) -> None:
    inputs = write_units(context.store)
    draw = CurriculumDraw(by="score", hard_at_most=5, share=0.5, hard_share=0.5)
    run_global(context, stage(draw), inputs, TOGETHER)
    manifest = Manifest.read(context.store, STAGE)
    assert manifest is not None
    drawn = manifest.details["counted"]["drawn"]
    paths = Path(context.store.full(f"{STAGE}/decisions")).glob("*.parquet")
    values = [value for path in paths for value in pq.read_table(path)["drawn"].to_pylist() if value is not None]
    assert drawn == {name: values.count(name) for name in ("hard", "easy") if name in values}
    assert sum(drawn.values()) == len(values) > 0


def test_a_step_that_keeps_nothing_stops_the_run(context: Context) -> None:
    inputs = write_units(context.store)
    with pytest.raises(RunStopped, match="step select kept none of 18 rows") as stopped:
        run_global(context, stage(Select(by="score", at_least=1000)), inputs, TOGETHER)
    told = str(stopped.value).splitlines()
    assert "rejected: score below 1000" in told[0] and told[1] == "score over 17 rows (1 without a value):"
    assert len(told) == 22 and sum(int(line.split()[3].replace(",", "")) for line in told[2:]) == 17


def test_after_a_kill_only_what_is_missing_is_written(context: Context) -> None:
    store, inputs = context.store, write_units(context.store)
    select = stage(Select(by="score", top=6))
    decided = _decide(context, select, inputs, TOGETHER)

    def stamps() -> dict[str, int]:
        folder = Path(store.full(STAGE))
        return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.*")}

    before = stamps()
    store.delete(f"{STAGE}/shards/counts-00001.json")  # killed while the decisions of this shard were written
    store.delete(f"{STAGE}/decisions/unit-3.parquet")
    assert _decide(context, select, inputs, TOGETHER) == decided
    after = stamps()
    assert set(after) == set(before)
    again = {name for name in before if after[name] != before[name]}
    assert again == {"shards/counts-00001.json", "decisions/unit-2.parquet", "decisions/unit-3.parquet"}

    store.delete(f"{STAGE}/shards/all.json")  # killed before the last shard was there
    store.delete(f"{STAGE}/scan/part-00002.parquet")
    assert _decide(context, select, inputs, TOGETHER) == decided
    scans = {name for name in after if name.startswith("scan/") and stamps()[name] != after[name]}
    assert scans == {"scan/part-00002.parquet"}
