"""A global step on the cluster: tasks project the columns that it needs, DuckDB decides in one, tasks write decisions.

The rows' text stays in its units: what is written is one small decision file for each. Scan files and shards of
decisions stand between (see :mod:`distilray.runner.scan` and :mod:`distilray.runner.decisions`): whatever of them is
there after a kill is not made again. They are deleted at the end.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import duckdb
import msgspec
import ray

from distilray.ledger import Manifest, StepCounts, UnitInput, now, open_stage
from distilray.runner.context import Context, RunStopped
from distilray.runner.decisions import SHARDS, Decided, counts_path, decided_rows, write_decisions, write_shards
from distilray.runner.package_versions import versions
from distilray.runner.scan import SCAN, first_units, scan_path, scan_reader, write_scan
from distilray.runner.stage import GlobalStage
from distilray.runner.tasks import TOGETHER, Tasks
from distilray.steps import GlobalStep
from distilray.storage import REQUESTS_AT_ONCE, Store, file_sizes

Inputs = Sequence[tuple[str, UnitInput]]


def run_global(
    context: Context, stage: GlobalStage, inputs: Inputs, together: int = TOGETHER
) -> list[tuple[str, UnitInput]]:
    """Decides on every kept row of ``inputs``; returns them with the decisions that the next stage must respect."""
    store = context.store
    manifest, _ = open_stage(
        store,
        stage.directory,
        Manifest(name=stage.name, kind="global", fingerprint=stage.fingerprint, versions=versions()),
    )
    if not manifest.finished:
        started = time.monotonic()
        decided = _decide(context, stage, inputs, together)
        manifest.steps, manifest.units = [decided.counts], len(inputs)
        if decided.counted:
            manifest.details["counted"] = decided.counted
        if decided.summary:
            manifest.details["summary"] = decided.summary
        manifest.seconds = time.monotonic() - started
        manifest.finished = now()
        manifest.write(store, stage.directory)
        for folder in (SCAN, SHARDS):
            store.delete_dir(f"{stage.directory}/{folder}")
    if not manifest.steps[0].kept:
        step = stage.step.step
        assert isinstance(step, GlobalStep)
        explained = step.explanation(manifest.details.get("summary") or {})
        raise RunStopped(
            f"step {stage.step.name} kept none of {manifest.steps[0].rows_in:,} rows ({manifest.steps[0].reasons}); "
            "relax its settings and run again: earlier steps are kept" + (f"\n{explained}" if explained else "")
        )
    return [
        (name, UnitInput(unit.path, (*unit.decisions, f"{stage.directory}/decisions/{name}.parquet")))
        for name, unit in inputs
    ]


def _decide(context: Context, stage: GlobalStage, inputs: Inputs, together: int) -> Decided:
    store, directory = context.store, stage.directory
    folders = {path.rpartition("/")[0] for _, unit in inputs for path in (unit.path, *unit.decisions)}
    sizes = file_sizes(store, folders)
    firsts = first_units([sizes.get(unit.path, 0) for _, unit in inputs], together)
    groups = [inputs[first:stop] for first, stop in pairwise([*firsts, len(inputs)])]
    with Tasks() as tasks:
        if not store.exists(_all_shards(directory)):
            _write_scans(store, stage, firsts, groups, {} if store.local else sizes, tasks)
            scans = [scan_path(directory, number) for number in range(len(groups))]
            ray.get(_run_query.remote(store, stage, scans, context.resources.memory_limit_gib, firsts))
        there = set(store.names(f"{directory}/{SHARDS}"))
        paths = [counts_path(directory, number) for number in range(len(groups))]
        left = [number for number, path in enumerate(paths) if path.rpartition("/")[2] not in there]
        calls = [(store, stage, k, firsts[k], [name for name, _ in groups[k]]) for k in left]
        new = dict(zip(left, tasks.map(write_decisions, calls), strict=True))
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        earlier = {k: pool.submit(store.read, path) for k, path in enumerate(paths) if k not in new}
    total = Decided(StepCounts(stage.step.name))
    for k in range(len(groups)):  # in the units' order, so that the same reasons are counted whatever came first
        total.add(new[k] if k in new else msgspec.json.decode(earlier[k].result(), type=Decided))
    total.summary = store.read_json(_all_shards(directory))["summary"]
    return total


def _write_scans(
    store: Store,
    stage: GlobalStage,
    firsts: Sequence[int],
    groups: Sequence[Inputs],
    sizes: Mapping[str, int],
    tasks: Tasks,
) -> None:
    """Writes the scan files that are not there, one of each group of units."""
    step = stage.step.step
    assert isinstance(step, GlobalStep)
    columns = sorted({"id", *step.columns_read(), *step.columns_awaited()})
    there = set(store.names(f"{stage.directory}/{SCAN}"))
    calls = []
    for number, (first, group) in enumerate(zip(firsts, groups, strict=True)):
        path = scan_path(stage.directory, number)
        if path.rpartition("/")[2] not in there:
            units = [unit for _, unit in group]
            read = [path for unit in units for path in (unit.path, *unit.decisions)]
            calls.append((store, path, first, units, columns, {path: sizes[path] for path in read if path in sizes}))
    for _ in tasks.map(write_scan, calls):
        pass


def _all_shards(directory: str) -> str:
    """What says that every shard is there."""
    return f"{directory}/{SHARDS}/all.json"


@ray.remote(num_cpus=0.5, max_retries=2)
def _run_query(
    store: Store, stage: GlobalStage, scans: Sequence[str], memory_gib: float, firsts: Sequence[int]
) -> None:
    """Writes all shards of decisions, and then the file that says so."""
    step = stage.step.step
    assert isinstance(step, GlobalStep)
    with tempfile.TemporaryDirectory(prefix="distilray-global-") as spill:
        connection = duckdb.connect(f"{spill}/rows.duckdb")
        connection.execute(f"SET memory_limit='{memory_gib}GiB'; SET temp_directory='{spill}'; SET threads=2")
        reader = scan_reader(store, scans)  # noqa: F841  (DuckDB finds it by name)
        connection.execute("CREATE TABLE rows AS SELECT * FROM reader")
        write_shards(store, stage.directory, decided_rows(connection, step), firsts)
        summary = step.summary(connection)
        connection.close()
    store.write_json(_all_shards(stage.directory), {"shards": len(firsts), "summary": summary})
