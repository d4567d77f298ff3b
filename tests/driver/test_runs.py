"""Whole runs on a real Ray cluster, around the echo engine: counts, resume, budgets, changes, bad rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distilray.driver import run
from distilray.ledger import (
    RECORDS,
    Manifest,
    UnitInput,
    kept_rows,
    read_counts,
    read_current,
    reconcile,
    stream_folder,
)
from distilray.recipe import RecipeError
from distilray.report.run_status import status
from distilray.runner import RunStopped
from distilray.sources import SourceError
from distilray.storage import Store
from tests.support.echo_recipe import write

pytestmark = pytest.mark.slow
PHASE, SELECT = "steps/01-answer+check", "steps/02-select"


def counts(store: Store) -> dict[str, tuple[int, ...]]:
    return {
        step["name"]: (step["rows_in"], step["created"], step["kept"], step["rejected"], step["failed"])
        for step in status(store)["steps"]
    }


def ids(store: Store) -> list[str]:
    names = [name for name in store.names(PHASE) if name.endswith(".parquet")]
    return sorted(i for name in names for i in kept_rows(store, UnitInput(f"{PHASE}/{name}"), ["id"])["id"].to_pylist())


def test_a_run_accounts_for_every_row_and_a_second_one_does_nothing(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path, latency=3.0)  # long enough that the second runner has come up before the work is done
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write("{broken\n")
    store = run(recipe, directory=str(tmp_path / "run")).store
    assert counts(store) == {
        "sources": (201, 0, 200, 0, 1),
        "answer": (200, 0, 200, 0, 0),
        "check": (200, 0, 200, 0, 0),
        "select": (200, 0, 200, 0, 0),
    }
    assert reconcile(store, deep=True).ok
    assert status(store)["state"] == "finished"
    manifest = Manifest.read(store, PHASE)
    assert manifest is not None and len(manifest.runners) == 2
    assert sum(manifest.runners.values()) == sum(manifest.engines.values()) == 200
    units = {name.removesuffix(".parquet"): f"{PHASE}/{name}" for name in store.names(PHASE) if name.startswith("unit")}
    assert len(units) == 7 and store.names(f"{PHASE}/{RECORDS}")
    assert sum(found.steps[0].kept for found in read_counts(store, PHASE, units).values()) == 200
    assert store.files_below(stream_folder(PHASE)) == []  # every unit has sealed its own
    before = {name: os.path.getmtime(store.full(f"{PHASE}/{name}")) for name in store.names(PHASE)}
    run(recipe, directory=str(tmp_path / "run"))
    assert before == {name: os.path.getmtime(store.full(f"{PHASE}/{name}")) for name in store.names(PHASE)}


def test_a_record_that_cannot_be_read_is_a_failed_row_with_file_and_line(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path, rows=20)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write("{broken\n")
    store = run(recipe, directory=str(tmp_path / "run")).store
    files = [name for name in store.names("steps/00-sources") if name.endswith(".parquet")]
    rows = [row for name in files for row in pq.read_table(store.full(f"steps/00-sources/{name}")).to_pylist()]
    [bad] = [row for row in rows if row["outcome"] == "failed"]
    assert "rows.jsonl:21" in bad["reason"]


def test_an_error_of_a_task_within_a_task_is_raised_as_it_was(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path, rows=1)
    source = "sources=[{name: own, uses: 'tests.support.own_sources:closed_after_one'}]"
    with pytest.raises(SourceError) as raised:
        run(recipe, [source], directory=str(tmp_path / "run"))
    assert str(raised.value) == "the catalogue: is closed. Ask again tomorrow."


def test_a_changed_step_is_done_again_and_the_one_before_it_is_not(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path)
    store = run(recipe, directory=str(tmp_path / "run")).store
    first = Manifest.read(store, PHASE)
    run(recipe, ["steps.select={by: answer_tokens, top: 50}"], directory=str(tmp_path / "run"))
    assert Manifest.read(store, PHASE) == first
    assert counts(store)["select"] == (200, 0, 50, 150, 0)


def test_a_changed_step_pays_for_no_reply_of_a_step_that_shares_its_phase(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path)
    store = run(recipe, directory=str(tmp_path / "run")).store
    before = {path: store.read(path) for path in store.files_below(PHASE)}
    run(recipe, ["steps.check={min_characters: 20, language: false}"], directory=str(tmp_path / "run"))
    assert before == {path: store.read(path) for path in store.files_below(PHASE)}  # it stays where it is
    manifest = Manifest.read(store, read_current(store)[PHASE])
    assert manifest is not None and counts(store)["check"] == (200, 0, 190, 10, 0)
    assert manifest.models["teacher"]["replayed"] == manifest.models["teacher"]["replies"] == 200
    assert manifest.engines == {}  # no engine was asked


def test_a_run_keeps_the_rows_of_a_unit_that_it_began_with(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path)
    store = run(recipe, directory=str(tmp_path / "run")).store
    assert store.read_json("run.json")["unit_rows"] == 32
    before = {name: os.path.getmtime(store.full(f"{PHASE}/{name}")) for name in store.names(PHASE)}
    run(recipe, ["resources.unit_rows=auto"], directory=str(tmp_path / "run"))
    assert before == {name: os.path.getmtime(store.full(f"{PHASE}/{name}")) for name in store.names(PHASE)}


def test_a_budget_stops_cleanly_and_goes_on_when_it_is_raised(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path, rows=400, latency=0.5)
    with pytest.raises(RunStopped, match="budget.tokens"):
        run(recipe, ["budget.tokens=600"], directory=str(tmp_path / "run"))
    store = Store(str(tmp_path / "run"))
    assert len(ids(store)) < 400
    run(recipe, directory=str(tmp_path / "run"))
    assert counts(store)["answer"] == (400, 0, 400, 0, 0)
    assert reconcile(store, deep=True).ok


def test_a_column_that_no_row_of_the_sources_has_stops_the_run_before_engines_start(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path)
    with pytest.raises(RecipeError, match="reads the column 'answer'"):
        run(recipe, ["steps=[check]"], directory=str(tmp_path / "run"))


def test_rejected_rows_get_another_try_until_a_round_brings_nothing(ray_cluster: None, tmp_path: Path):
    recipe = write(tmp_path, rows=64)
    text = "steps=[{repeat: {rounds: 3, carry_over: rejected, steps: [{answer: {model: teacher}}, {check: {min_characters: 20, language: false}}]}}]"  # noqa: E501
    finished = run(recipe, [text], directory=str(tmp_path / "run"))
    rounds = [s for s in status(finished.store)["steps"] if s["name"] == "answer"]
    # "marker-K what is K" has 20 characters from K = 10 on: ten rows fail, are tried once more, and that
    # brings none: the third round would be the second again
    assert [step["rows_in"] for step in rounds] == [64, 10]


@pytest.mark.parametrize(("mean", "rounds"), [(8, 1), (9, 2)])
def test_rounds_end_when_a_mean_is_reached_or_nothing_changes(
    ray_cluster: None, tmp_path: Path, mean: int, rounds: int
):
    recipe = write(tmp_path, rows=64)  # the echo engine says eight tokens
    text = f"steps=[{{repeat: {{rounds: 4, carry_over: kept, until: {{mean: {{answer_tokens: {mean}}}}}, steps: [{{answer: {{model: teacher}}}}]}}}}]"  # noqa: E501
    finished = run(recipe, [text], directory=str(tmp_path / "run"))
    assert len([s for s in status(finished.store)["steps"] if s["name"] == "answer"]) == rounds


DRIVER = [sys.executable, "-m", "distilray.cli", "run"]


def started(recipe: str, directory: Path) -> subprocess.Popen[bytes]:
    log = open(directory.with_suffix(".log"), "ab")  # noqa: SIM115  (lives as long as the process)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return subprocess.Popen([*DRIVER, recipe, "--run", str(directory)], stdout=log, stderr=log, env=environment)


def wait_for(condition, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_a_killed_driver_goes_on_where_it_was_and_loses_and_doubles_nothing(tmp_path: Path):
    recipe = write(tmp_path, rows=600, latency=0.3, runners=2, in_flight=64)
    directory = tmp_path / "run"
    store = Store(str(directory))
    first = started(recipe, directory)
    wait_for(lambda: len([n for n in store.names(PHASE) if n.endswith(".parquet")]) >= 3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = {name for name in store.names(PHASE) if name.endswith(".parquet")}
    assert 0 < len(done) < 19  # work was in flight
    stamps = {name: os.path.getmtime(store.full(f"{PHASE}/{name}")) for name in done}
    second = started(recipe, directory)
    assert second.wait(timeout=600) == 0, directory.with_suffix(".log").read_text()[-2000:]
    assert {name: os.path.getmtime(store.full(f"{PHASE}/{name}")) for name in done} == stamps
    assert len(ids(store)) == len(set(ids(store))) == 600
    assert reconcile(store, deep=True).ok


def test_a_second_driver_on_the_same_run_is_refused_with_exit_code_2(tmp_path: Path):
    recipe = write(tmp_path, rows=400, latency=1.0)
    directory = tmp_path / "run"
    first = started(recipe, directory)
    wait_for(lambda: (directory / "run.json").exists())
    second = subprocess.run([*DRIVER, recipe, "--run", str(directory)], capture_output=True, timeout=300)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.returncode == 2
    assert b"is held by" in second.stderr


WITNESS = """
import gc, re, sys
from distilray.driver import run
run(sys.argv[1], directory=sys.argv[2])
gc.collect()
found = set()
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
    for line in maps:
        span, modes, _, _, _, *path = line.split(maxsplit=5)
        if "r" not in modes or (path and path[0].startswith(("/dev/shm", "[vv", "[vs"))):
            continue
        low, high = (int(end, 16) for end in span.split("-"))
        try:
            memory.seek(low)
            found.update(map(int, re.findall(rb"marker-([0-9]+) what is", memory.read(high - low))))
        except (OSError, ValueError, OverflowError):
            continue
print("FOUND", sorted(found))
"""


def test_the_driver_never_holds_the_text_of_rows(tmp_path: Path):
    recipe = write(tmp_path, rows=500, padding=20_000)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    command = [sys.executable, "-c", WITNESS, recipe, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    found = set(json.loads(done.stdout.split("FOUND ")[1]))
    # A check of the source reads the beginning of the file, at most 1 MiB of the 10 that went through the run.
    beginning = set(range(2**20 // 20_000 + 1))
    # And whoever reads a footer, as the report does, reads the last 64 KiB of a file; one may be left.
    others = found - beginning
    assert len(others) <= 2**16 // 20_000 + 1, f"texts of rows in the driver's memory: {sorted(others)}"
    assert found & beginning, "nothing at all was found: does the witness look in the right places?"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "finished"
