"""Rows per second of everything around a model: Parquet to Parquet through two steps and the echo engine.

    python benchmarks/orchestration.py --rows 100000

Rows are generated, answered by the echo engine, checked, published and accounted for on a local cluster. Reported are
rows/s of the phase while its pools were resident (start of the runners and drain included) and the peak resident
memory of driver and runners.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from distilray.driver import run
from distilray.ledger import Manifest
from distilray.runner import versions

RECIPE = """
name: orchestration
models:
  teacher: {{kind: echo, tokens: 16, replicas: 1}}
sources:
  - {{name: rows, uses: "benchmarks.orchestration:records", with: {{rows: {rows}}}, language: en}}
steps:
  - answer: {{model: teacher}}
  - check: {{language: true}}
resources: {{runners: {runners}, runner_cpus: 0.5, rows_in_flight: {in_flight}, unit_rows: 512}}
"""


def records(rows: int) -> Iterator[dict[str, str]]:
    """Alpaca records whose question ends in its own answer, so that the echo is right."""
    for k in range(rows):
        yield {
            "instruction": f"Repeat what follows, word by word, and say nothing else: the answer is {k}",
            "reference": str(k),
        }


class Peaks(threading.Thread):
    """Peak resident memory of this process and of the row runners below it, MiB, sampled four times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.driver = self.runner = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self.over.wait(0.25):
            self.driver = max(self.driver, me.memory_info().rss / 2**20)
            for child in me.children(recursive=True):
                try:
                    if "MapWorker" in " ".join(child.cmdline()) or "RowRunner" in child.name():
                        self.runner = max(self.runner, child.memory_info().rss / 2**20)
                except psutil.Error:
                    continue


def measure(rows: int, runners: int, in_flight: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="distilray-bench-") as folder:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text(RECIPE.format(rows=rows, runners=runners, in_flight=in_flight))
        peaks = Peaks()
        peaks.start()
        started = time.monotonic()
        store = run(str(recipe), directory=f"{folder}/run").store
        seconds = time.monotonic() - started
        peaks.over.set()
        manifest = Manifest.read(store, "steps/01-answer+check")
        assert manifest is not None and all(step.reconciled for step in manifest.steps)
        working = manifest.details["working_seconds"]
        return {
            "rows": rows,
            "runners": len(manifest.runners),
            "rows_by_runner": sorted(manifest.runners.values()),
            "kept": manifest.steps[-1].kept,
            "phase_seconds": round(working, 2),
            "rows_per_s": round(rows / working, 1),
            "run_seconds": round(seconds, 2),
            "peak_mib": {"driver": round(peaks.driver), "runner": round(peaks.runner)},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--runners", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=2048)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/orchestration.json"))
    options = parser.parse_args()
    results = [measure(rows, options.runners, options.in_flight) for rows in options.rows]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    report = {
        "command": f"python benchmarks/orchestration.py --rows {' '.join(map(str, options.rows))}",
        "commit": commit,
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "load_at_start": os.getloadavg()[0],
        "versions": versions(),
        "results": results,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
