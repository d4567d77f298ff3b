"""Seconds to write the report of a run of a million rows, and the size of the page: it holds aggregates and samples.

    python -m benchmarks.report --rows 1000000

The run directory is written by the ledger's own writers: sources, a phase of three steps and a selection, units of 256
rows. A few dozen units of the practice run are made row by row; the others are these with ids of their own.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import record
from distilray.ledger import Manifest, StepCounts, UnitCounts, write_unit
from distilray.report import status, write_report
from distilray.storage import Store
from tests.support import practice_run as practice

UNIT_ROWS = 256
TEMPLATES = 32
BROWSER = ("chromium", "chromium-browser", "google-chrome")


def write_run(store: Store, rows: int) -> None:
    """A finished run of about ``rows`` rows (whole units)."""
    templates = [_template(number) for number in range(min(TEMPLATES, -(-rows // UNIT_ROWS)))]
    stages = {
        practice.SOURCES: Manifest(name="00-sources", kind="sources", fingerprint="a" * 16),
        practice.PHASE: Manifest(name="01-answer+judge+check", kind="phase", fingerprint="b" * 16),
        practice.SELECT: Manifest(name="02-select", kind="global", fingerprint="c" * 16),
    }
    for number in range(-(-rows // UNIT_ROWS)):
        source, phase, counts, kept, picked = templates[number % len(templates)]
        name = f"unit-00-0000-{number:06d}.parquet"
        went = UnitCounts([StepCounts("sources", rows_in=UNIT_ROWS, kept=UNIT_ROWS)])
        write_unit(store, f"{practice.SOURCES}/{name}", _renumbered(source, number), practice.ROWS, went)
        write_unit(store, f"{practice.PHASE}/{name}", _renumbered(phase, number), practice.ROWS, counts)
        decisions = _renumbered(kept, number)
        write_unit(store, f"{practice.SELECT}/decisions/{name}", decisions, practice.DECISION, picked)
        for (_, manifest), unit in zip(stages.items(), (went, counts, picked), strict=True):
            manifest.add(unit)
    for folder, manifest in stages.items():
        manifest.seconds, manifest.started, manifest.finished = 600.0, "2026-01-01T00:00:00+00:00", "2026-01-02"
        manifest.write(store, folder)
    practice.write_training(store)
    practice.write_results(store)
    store.write("recipe.yaml", practice.RECIPE.encode())
    store.write_json("run.json", {"id": "0" * 12, "name": "million", "state": "finished", "sessions": 1})


def _template(number: int) -> tuple[pa.Table, pa.Table, UnitCounts, pa.Table, UnitCounts]:
    rows = [practice.problem(number * UNIT_ROWS + k + 1) for k in range(UNIT_ROWS)]
    source = _table(rows, practice.ROWS)
    counts = practice.go_through_phase(rows, number)
    kept = [row for row in rows if row["outcome"] == "kept"]
    decisions, picked = practice.select(kept, {row["id"]: rank for rank, row in enumerate(kept, 1)})
    return source, _table(rows, practice.ROWS), counts, _table(decisions, practice.DECISION), picked


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


def _renumbered(table: pa.Table, unit: int) -> pa.Table:
    """``table`` with ids that no other unit has."""
    place = table.column_names.index("id")
    ids = [f"practice/problems:{unit}-{row_id.rpartition(':')[2]}" for row_id in table["id"].to_pylist()]
    return table.set_column(place, table.schema.field("id"), pa.array(ids))


def measure(rows: int, folder: str) -> dict[str, Any]:
    store = Store(f"{folder}/run")
    if not store.exists("run.json"):
        write_run(store, rows)
    started = time.monotonic()
    found = status(store)
    took = time.monotonic() - started
    started = time.monotonic()
    page = Path(write_report(store, f"{folder}/report.html"))
    seconds = time.monotonic() - started
    shown = sum(step["rows_in"] for step in found["steps"] if step["name"] == "sources")
    return {
        "rows": shown,
        "units": -(-rows // UNIT_ROWS),
        "status_s": round(took, 2),
        "report_s": round(seconds, 2),
        "page_mib": round(page.stat().st_size / 2**20, 2),
        "browser_s": _opened(page, folder),
    }


def _opened(page: Path, folder: str) -> float | None:
    """Seconds of a headless browser from its start to the page's DOM after its script; None where there is none."""
    for browser in BROWSER:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/browser", "--dump-dom"]
        try:
            started = time.monotonic()
            done = subprocess.run([browser, *flags, page.as_uri()], capture_output=True, text=True, timeout=120)
        except FileNotFoundError:
            continue
        assert "practice/problems:" in done.stdout, done.stderr[-500:]
        return round(time.monotonic() - started, 2)
    return None


def main() -> None:
    parser = record.command_line(__doc__, "report.json")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", help="folder for run and page; a run there is used again (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="distilray-bench-") as scratch:
        result = measure(options.rows, options.keep or scratch)
    record.write(options.out, {"results": result})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
