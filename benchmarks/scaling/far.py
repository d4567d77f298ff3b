"""One run on an object store that is far away and fails now and then, killed at half and started again."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks import record
from benchmarks.faulty_store import FaultyStore
from benchmarks.killed import finish, start, tail
from benchmarks.real_input import s3_server
from benchmarks.scaling.recipe import PHASE, first_stamp, recipe_of
from distilray.ledger import Manifest, reconcile
from distilray.storage import Store

DELAY_S, REFUSED, CUT = 0.03, 0.01, 0.001
DOLLARS = {"PUT": 5e-6, "POST": 5e-6, "COPY": 5e-6, "LIST": 5e-6, "GET": 4e-7, "HEAD": 4e-7, "DELETE": 0.0}
"""List prices of a request to S3 Standard in us-east-1. Storage and traffic are not included."""
LOOKS = 5


def measure(rows: int, runners: int, in_flight: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="distilray-scale-") as temporary, s3_server() as place:
        folder = Path(temporary)
        server = parse_qs(urlsplit(place).query)["endpoint_override"][0]
        with FaultyStore(server, delay_s=DELAY_S, refused=REFUSED, cut=CUT) as proxy:
            recipe = folder / "recipe.yaml"
            recipe.write_text(recipe_of(folder, rows, runners, in_flight).to_yaml(), "utf-8")
            run = place.replace(server, proxy.address)
            return {"rows": rows, **Far(recipe, run, Store(place), proxy, folder).measure(rows)}


class Far:
    """``run`` is reached through the proxy; ``store`` is the same directory without it, to look at what happens."""

    def __init__(self, recipe: Path, run: str, store: Store, proxy: FaultyStore, folder: Path) -> None:
        self.recipe, self.run, self.store, self.proxy = recipe, run, store, proxy
        self.log, self.stamps = folder / "driver.log", folder / "stamps"

    def measure(self, rows: int) -> dict[str, Any]:
        began = time.time()
        first = start(self.recipe, self.run, self.log)
        try:
            units = self._until_half(first)
        finally:
            first.kill()
            first.wait()
        half = Counter(self.proxy.requests)
        until_first = first_stamp(self.stamps) - began
        interrupted = self._looks()
        for path in self.stamps.iterdir():
            path.unlink()
        before, began = Counter(self.proxy.requests), time.time()
        second = start(self.recipe, self.run, self.log)
        while second.poll() is None and not any(self.stamps.iterdir()):
            time.sleep(1.0)
        working = self._looks()
        finish(second, self.log)
        requests = half + (Counter(self.proxy.requests) - before)
        return {
            "seconds_to_first_request": {
                "from_nothing": round(until_first, 1),
                "after_the_kill": round(first_stamp(self.stamps) - began, 1),
            },
            "status_seconds": {"working": working, "killed": interrupted, "finished": self._looks()},
            "units_published_at_the_kill": units,
            "requests": dict(requests),
            "dollars_a_million_rows": round(
                1e6 / rows * sum(DOLLARS.get(kind, 0) * n for kind, n in requests.items()), 3
            ),
            **self._outcome(rows),
        }

    def _until_half(self, driver: subprocess.Popen[bytes]) -> int:
        """Waits until half of the phase's units are published, and returns how many that is."""
        while True:
            if driver.poll() is not None:
                raise RuntimeError(f"the run ended before half of it was done:\n{tail(self.log)}")
            time.sleep(1.0)
            if self.store.exists("progress.json"):
                progress = self.store.read_json("progress.json")
                if 2 * progress["done"] >= progress["total"]:
                    return int(progress["done"])

    def _looks(self) -> dict[str, float]:
        """Seconds of ``distilray status``, through the proxy: the start of Python included."""
        command = [sys.executable, "-m", "distilray.cli", "status", self.run, "--json"]
        seconds = []
        for _ in range(LOOKS):
            began = time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=record.ROOT, env=dict(os.environ))
            seconds.append(time.monotonic() - began)
        return {"median": round(statistics.median(seconds), 2), "longest": round(max(seconds), 2)}

    def _outcome(self, rows: int) -> dict[str, Any]:
        phase = Manifest.read(self.store, PHASE)
        assert phase is not None and phase.finished
        assert (phase.steps[0].rows_in, phase.steps[0].failed, phase.steps[-1].failed) == (rows, 0, 0), phase.steps
        problems = reconcile(self.store).problems
        assert not problems, problems
        working = phase.details["working_seconds"]
        return {
            "units": phase.units,
            "rows_per_s": round(rows / working),
            "phase_seconds": round(working, 1),
            "replayed": int(phase.models["teacher"]["replayed"]),
        }
