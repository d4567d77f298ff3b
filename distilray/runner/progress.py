"""Progress of a phase: written to the run every two seconds for ``distilray status``, and passed to ``on_progress``."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ray.exceptions import RayError

from distilray.ledger import Manifest, StepCounts
from distilray.models import Busy, BusyPlaces, PoolHandles
from distilray.runner.context import Context
from distilray.runner.metrics import StageMetrics, outcomes_since
from distilray.runner.monitor import reports
from distilray.runner.stage import Phase
from distilray.runner.throughput import Throughput

EVERY_S = 2.0


class Progress:
    """Combines what is published (units) with what runners report (rows, tokens)."""

    def __init__(self, context: Context, phase: Phase, counted: Manifest, total: int, monitor: Any) -> None:
        self.context, self.phase, self.counted, self.total = context, phase, counted, total
        self.monitor = monitor
        self.started = time.monotonic()
        self.units_at_start = counted.units
        self.metrics = StageMetrics(context.store.shown, phase.name)
        self.counted_before = {step.name: StepCounts(step.name).add(step) for step in counted.steps}
        self.throughput = Throughput()
        self.waiting = ""
        """For what no row is worked on yet: ``"engines of teacher"``."""
        self.places: BusyPlaces | None = None
        """Watched from the first row on."""
        self.first_row_s: float | None = None
        """Seconds from :meth:`working` until the first row began: start of the runners."""
        self.busy_until_last_row: dict[str, float] | None = None
        """Model to the share of its places that were busy until the last row began; None before that."""
        self._handles: PoolHandles | None = None
        self._worked_since = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._over.set()
        self._thread.join()
        if kind is None:
            with suppress(RayError):  # a monitor that is just starting again costs metrics their last second, no run
                self.metrics.models(_sums(reports(self.monitor)["runners"])[0])
        self.metrics.rows(outcomes_since(self.counted.steps, self.counted_before))

    def working(self, handles: PoolHandles) -> None:
        """The engines can answer."""
        self.waiting = ""
        self._handles, self._worked_since = handles, time.time()

    def sample(self) -> dict[str, Busy]:
        """By model, how busy its engines' places were since the first row; empty before that."""
        if self.places is None:
            return {}
        busy, engines = self.places.sample(), self.places.engines
        for model, seconds in busy.items():
            gpus = sum(bundle.get("GPU", 0) for bundle in self.phase.models[model].bundles())
            self.metrics.places(model, seconds.busy_s, seconds.place_s, engines[model], gpus)
        return busy

    def _watch(self, live: Mapping[str, dict[str, Any]]) -> None:
        began = [report["began"] for report in live.values() if report["began"]]
        if self.places is None and self._handles is not None and began:
            self.first_row_s = max(min(began) - self._worked_since, 0.0)
            self.places = BusyPlaces(self._handles)

    def _tick(self) -> None:
        while not self._over.wait(EVERY_S):
            self._write()

    def _write(self) -> None:
        seconds = max(time.monotonic() - self.started, 1e-6)
        live = reports(self.monitor)["runners"]
        models, outcomes = _sums(live)
        self.metrics.models(models)
        self.metrics.rows(outcomes)
        units, rows, ended = (sum(report[name] for report in live.values()) for name in ("units", "rows", "ended"))
        if live:
            written = {model: int(usage["tokens_out"]) for model, usage in models.items()}
            self.throughput.add(time.monotonic(), ended, written)
        self._watch(live)
        if self.places is not None:
            shares = {model: round(busy.share, 4) for model, busy in self.sample().items()}
            for model in models.keys() & shares.keys():
                models[model]["busy_share"] = shares[model]
                models[model]["engines"] = self.places.engines[model]
            waiting = sum(report["waiting"] for report in live.values())
            if self.busy_until_last_row is None and not waiting and units == self.total - self.units_at_start:
                self.busy_until_last_row = shares
        for model, usage in models.items():
            usage["tokens_per_s"] = round(self.throughput.tokens_per_s(model), 1)
        progress = {
            "phase": self.phase.name,
            "done": self.counted.units,
            "total": self.total,
            "unit": "units",
            "seconds": round(seconds, 1),
            "rate": (self.counted.units - self.units_at_start) / seconds,
            "eta_s": self.throughput.eta_s((self.total - self.units_at_start) * rows / units) if units else None,
            "models": models,
            "waiting": self.waiting,
            "steps": [{"name": named.name, **outcomes.get(named.name, {})} for named in self.phase.steps],
        }
        self.context.store.write_json("progress.json", progress, durable=False)
        self.context.on_progress(progress)


def _sums(live: Mapping[str, dict[str, Any]]) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, int]]]:
    """Over the reports of all runners: usage by model, and rows by step and outcome."""
    models: dict[str, dict[str, float]] = {}
    outcomes: dict[str, dict[str, int]] = {}
    for report in live.values():
        for model, usage in report["models"].items():
            into = models.setdefault(
                model, {"tokens_in": 0, "tokens_out": 0, "replies": 0, "unreadable": 0, "cost": 0.0}
            )
            for name in into:
                into[name] += usage[name]
        for step, counts in report["outcomes"].items():
            into_step = outcomes.setdefault(step, {"kept": 0, "rejected": 0, "failed": 0})
            for kind, n in counts.items():
                into_step[kind] += n
    return models, outcomes
