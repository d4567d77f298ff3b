"""Nobody vanishes, and if somebody did, it is named where."""

import pytest

from distilray.ledger import Manifest, StepCounts, UnitCounts, UnknownRow, lineage, reconcile, write_unit
from tests.support.ledger_files import PHASE, ROWS, SELECT, SOURCES, entry, unit, write_phase, write_run


def test_a_whole_run_reconciles_also_to_the_last_id(store):
    write_run(store)
    report = reconcile(store, deep=True)
    assert report.ok, report.problems
    assert [(stage.folder, stage.units, stage.complete) for stage in report.stages] == [
        (folder, 3, True) for folder in (SOURCES, PHASE, SELECT)
    ]
    assert [step.kept for stage in report.stages for step in stage.steps] == [24, 24, 18, 15]


def test_a_row_that_vanished_inside_a_unit_is_named(local_store):
    write_run(local_store)
    counts = UnitCounts([StepCounts("answer", rows_in=8, kept=8), StepCounts("judge", rows_in=8, kept=7)])
    write_unit(local_store, f"{PHASE}/{unit(1)}.parquet", [{"id": str(k)} for k in range(8)], ROWS, counts)
    problems = reconcile(local_store).problems
    assert any("unit-000001: step judge: 8 in + 0 created is not 7 kept" in problem for problem in problems)


def test_a_row_that_vanished_between_stages_is_named(local_store):
    write_run(local_store)
    counts = UnitCounts([StepCounts("answer", rows_in=7, kept=7), StepCounts("judge", rows_in=7, kept=7)])
    write_unit(local_store, f"{PHASE}/{unit(2)}.parquet", [{"id": str(k)} for k in range(7)], ROWS, counts)
    problems = reconcile(local_store).problems
    assert f"{PHASE}/unit-000002: took in 7 rows, but {SOURCES}/unit-000002.parquet left 8" in problems


def test_a_file_with_fewer_rows_than_its_counts_is_named(local_store):
    write_run(local_store)
    counts = UnitCounts([StepCounts("answer", rows_in=8, kept=8), StepCounts("judge", rows_in=8, kept=8)])
    write_unit(local_store, f"{PHASE}/{unit(0)}.parquet", [{"id": "a"}], ROWS, counts)
    assert f"{PHASE}/unit-000000: the file holds 1 rows, its counts amount to 8" in reconcile(local_store).problems


def test_a_unit_that_is_gone_from_a_finished_stage_is_named(local_store):
    write_run(local_store)
    local_store.delete(f"{PHASE}/{unit(1)}.parquet")
    problems = reconcile(local_store).problems
    assert f"{PHASE}: 8 rows of {SOURCES}/unit-000001.parquet never came here" in problems
    assert f"{PHASE}: the manifest counts 3 units, 2 are there" in problems


def test_a_unit_that_is_still_to_be_done_is_no_fault(local_store):
    write_run(local_store, finished=False)
    local_store.delete_dir(SELECT)
    local_store.delete(f"{PHASE}/{unit(2)}.parquet")
    report = reconcile(local_store)
    assert report.ok, report.problems
    assert [(stage.units, stage.missing) for stage in report.stages] == [(3, 0), (2, 1)]


def test_an_id_that_occurs_twice_is_found_by_the_deep_check_alone(local_store):
    write_run(local_store)
    local_store.write(f"{PHASE}/{unit(1)}.parquet", local_store.read(f"{PHASE}/{unit(0)}.parquet"))
    assert reconcile(local_store).ok
    problems = reconcile(local_store, deep=True).problems
    assert f"{PHASE}: the id 'gsm8k/train.jsonl:0' occurs 2 times" in problems


def test_created_rows_are_accounted_for(local_store):
    counts = UnitCounts([StepCounts("expand", rows_in=2, created=3, kept=5)])
    write_unit(local_store, "steps/00-expand/unit-0.parquet", [{"id": str(k)} for k in range(5)], ROWS, counts)
    assert reconcile(local_store, deep=True).ok


def test_rounds_are_followed_from_one_to_the_next_and_out(local_store):
    """Two rounds: what the first rejects enters the second again; both leave units to the stage after them."""
    write_rounds(local_store)
    report = reconcile(local_store)
    assert report.ok, report.problems
    assert [stage.folder for stage in report.stages] == [
        "steps/00-sources",
        "steps/01-align/round-1/01-rate",
        "steps/01-align/round-2/01-rate",
        "steps/02-answer",
    ]


def test_a_row_that_vanished_between_rounds_is_named(local_store):
    write_rounds(local_store, second_round=2)
    assert any("round-2/01-rate/unit-0: took in 2 rows" in problem for problem in reconcile(local_store).problems)


def write_rounds(store, second_round=3):
    def write(folder, name, rows_in, kept, manifest=True):
        step = StepCounts("step", rows_in=rows_in, kept=kept)
        if rows_in > kept:
            step.count("rejected", "hard", rows_in - kept)
        rows = [{"id": f"{k}", "outcome": "kept"} for k in range(rows_in)]
        write_unit(store, f"{folder}/{name}.parquet", rows, ROWS, UnitCounts([step]))
        if manifest:
            Manifest(name="step", kind="phase", fingerprint="f").write(store, folder)

    write("steps/00-sources", "unit-0", 8, 8)
    write("steps/01-align/round-1/01-rate", "unit-0", 8, 5)
    write("steps/01-align/round-1/carry_over", "unit-0", 8, 3, manifest=False)
    write("steps/01-align/round-2/01-rate", "unit-0", second_round, 2)
    write("steps/02-answer", "unit-0-r1", 5, 5)
    write("steps/02-answer", "unit-0-r2", 2, 2)


def test_lineage_tells_what_every_stage_made_of_a_row(store):
    write_run(store)
    found = lineage(store, "gsm8k/train.jsonl:13")
    assert [(passage.stage, passage.outcome, passage.reason) for passage in found.visits] == [
        (SOURCES, "kept", None),
        (PHASE, "kept", None),
        (SELECT, "rejected", "outside the best half"),
    ]
    assert [step["step"] for step in found.visits[1].history] == ["answer", "judge"]
    assert (found.parents, found.children) == ([], [])


def test_lineage_goes_up_to_the_source_and_down_to_children(local_store):
    write_run(local_store, units=1)
    rows = [
        {"id": "gsm8k/train.jsonl:1", "outcome": "kept", "history": [entry("expand", "kept")]},
        {"id": "child", "parent": "gsm8k/train.jsonl:1", "outcome": "kept"},
        {"id": "grandchild", "parent": "child", "outcome": "kept"},
    ]
    counts = UnitCounts([StepCounts("expand", rows_in=1, created=2, kept=3)])
    write_unit(local_store, "steps/03-expand/unit-000000.parquet", rows, ROWS, counts)
    assert lineage(local_store, "grandchild").parents == ["child", "gsm8k/train.jsonl:1"]
    assert lineage(local_store, "gsm8k/train.jsonl:1").children == ["child"]


def test_an_unknown_row_is_an_error(local_store):
    write_run(local_store)
    with pytest.raises(UnknownRow, match="no row 'nobody'"):
        lineage(local_store, "nobody")


def test_what_a_runner_publishes_twice_is_the_same_unit(local_store):
    write_run(local_store)
    write_phase(local_store, 1, 8)  # a task that was retried after it had published
    assert reconcile(local_store, deep=True).ok
