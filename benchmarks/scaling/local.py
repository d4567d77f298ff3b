"""One run on the local disk: seconds, memory, and what units cost its parts."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks.scaling.recipe import PHASE, recipe_of
from benchmarks.scaling.watching import Watch
from distilray.ledger import RECORDS, Manifest, read_counts
from distilray.report import status
from distilray.storage import Store

SOURCES = "steps/00-sources"


def measure(rows: int, runners: int, in_flight: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="distilray-scale-") as temporary:
        folder = Path(temporary)
        recipe = recipe_of(folder, rows, runners, in_flight)
        watch = Watch()
        watch.start()
        began = time.monotonic()
        run = dr.run(recipe, directory=folder / "run")
        seconds = time.monotonic() - began
        processes = watch.stop()
        return {"rows": rows, "run_seconds": round(seconds, 1), **_figures(run.store, rows, processes)}


def _figures(store: Store, rows: int, processes: dict[str, Any]) -> dict[str, Any]:
    phase, sources = Manifest.read(store, PHASE), Manifest.read(store, SOURCES)
    assert phase is not None and sources is not None
    assert (phase.steps[-1].kept, phase.steps[-1].failed) == (rows, 0), phase.steps
    working = phase.details["working_seconds"] - phase.details["start_seconds"]
    monitor = processes.get("monitor", {}).get("cpu_s", 0.0)
    return {
        "units": phase.units,
        "unit_rows": store.read_json("run.json")["unit_rows"],
        "ingest_seconds": round(sources.seconds, 1),
        "start_seconds": round(phase.details["start_seconds"], 1),
        "phase_seconds": round(working, 1),
        "rows_per_s": round(rows / working),
        "microseconds_a_row": round(1e6 * working / rows, 1),
        "driver_ms_a_unit": round(1e3 * processes["driver"]["cpu_s"] / phase.units, 2),
        "monitor_ms_a_unit": round(1e3 * monitor / phase.units, 2),
        "processes": processes,
        "ledger": _ledger(store),
    }


def _ledger(store: Store) -> dict[str, Any]:
    """The cost of knowing what is done: from records, and from the footers of all units."""
    units = {name.removesuffix(".parquet"): f"{PHASE}/{name}" for name in store.names(PHASE) if name.startswith("unit")}
    records = [path for path in store.files_below(f"{PHASE}/{RECORDS}")]
    with_records, found = _seconds(lambda: read_counts(store, PHASE, units))
    footers, same = _seconds(lambda: read_counts(store, "without-records", units))
    assert found.keys() == same.keys()
    looking, _ = _seconds(lambda: status(store))
    return {
        "records": len(records),
        "record_bytes_a_unit": round(sum(len(store.read(path)) for path in records) / len(units)),
        "read_records_s": round(with_records, 3),
        "read_footers_s": round(footers, 3),
        "status_s": round(looking, 3),
    }


def _seconds(work: Any) -> tuple[float, Any]:
    began = time.monotonic()
    found = work()
    return time.monotonic() - began, found
