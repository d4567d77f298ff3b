"""Rows per second of everything around a model: Parquet to Parquet through two steps and the echo engine.

    python -m benchmarks.orchestration --rows 100000

Rows are generated, answered by the echo engine, checked, published and accounted for on a local cluster. Reported are
rows/s of the phase while its pools were resident (start of the runners and drain included) and the peak resident
memory of driver and runners.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil

import distilray as dr
from benchmarks import record
from distilray.ledger import Manifest


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


def recipe_of(rows: int, runners: int, in_flight: int) -> dr.Recipe:
    return dr.Recipe(
        name="orchestration",
        models={"teacher": dr.EchoModel(tokens=16, replicas=1)},
        sources=[dr.Source(name="rows", uses="benchmarks.orchestration:records", with_={"rows": rows}, language="en")],
        steps=[dr.steps.Answer(model="teacher"), dr.steps.Check(language=True)],
        resources=dr.Resources(runners=runners, runner_cpus=0.5, rows_in_flight=in_flight, unit_rows=512),
    )


def measure(rows: int, runners: int, in_flight: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="distilray-bench-") as folder:
        peaks = Peaks()
        peaks.start()
        started = time.monotonic()
        run = dr.run(recipe_of(rows, runners, in_flight), directory=f"{folder}/run")
        seconds = time.monotonic() - started
        peaks.over.set()
        assert all(counts.reconciled for counts in run.outcomes.values())
        manifest = Manifest.read(run.store, "steps/01-answer+check")
        assert manifest is not None
        working = manifest.details["working_seconds"]
        return {
            "rows": rows,
            "runners": len(manifest.runners),
            "rows_by_runner": sorted(manifest.runners.values()),
            "kept": run.outcomes["check"].kept,
            "phase_seconds": round(working, 2),
            "rows_per_s": round(rows / working, 1),
            "run_seconds": round(seconds, 2),
            "peak_mib": {"driver": round(peaks.driver), "runner": round(peaks.runner)},
        }


def main() -> None:
    parser = record.command_line(__doc__, "orchestration.json")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--runners", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=2048)
    options = parser.parse_args()
    record.share_imports()
    results = [measure(rows, options.runners, options.in_flight) for rows in options.rows]
    record.write(options.out, {"results": results})
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
