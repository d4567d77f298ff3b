"""What a run shows to Prometheus beyond what Ray shows by itself, through ``ray.util.metrics`` and from the driver.

    ray_distilray_rows_total{run="s3://bucket/runs/first", stage="01-answer+check", step="check", outcome="kept"} 118

The metrics agent of the driver's node serves them under their names here with ``ray_`` before them; the dashboard in
``cluster/monitoring`` is made of them. A phase updates them when it writes its progress, a training all
:data:`SHOWN_EVERY_S`: no row, reply or step does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ray.util.metrics import Counter, Gauge

from distilray.ledger import StepCounts

SHOWN_EVERY_S = 5.0
"""Ray forgets a gauge when it has sent it on, every ten seconds."""


@dataclass(frozen=True)
class Metric:
    """What it is and says, and its tags beside ``run`` (its directory) and ``stage``."""

    kind: type[Counter] | type[Gauge]
    text: str
    tags: tuple[str, ...] = ()


METRICS = {
    "distilray_rows_total": Metric(Counter, "rows that left a step, by outcome", ("step", "outcome")),
    "distilray_replies_total": Metric(Counter, "replies of a model, replayed ones not counted", ("model",)),
    "distilray_unreadable_replies_total": Metric(
        Counter, "replies that their prompt's parser refused, or that were cut by length", ("model",)
    ),
    "distilray_tokens_in_total": Metric(Counter, "tokens of prompts", ("model",)),
    "distilray_tokens_out_total": Metric(Counter, "tokens of replies", ("model",)),
    "distilray_cost_total": Metric(Counter, "cost of replies, in the currency of the models' prices", ("model",)),
    "distilray_place_seconds_total": Metric(Counter, "seconds of the engines' places, summed over them", ("model",)),
    "distilray_busy_place_seconds_total": Metric(Counter, "those in which a place had a request", ("model",)),
    "distilray_engines": Metric(Gauge, "engines of a model", ("model",)),
    "distilray_engine_gpus": Metric(Gauge, "GPUs of a model's engines", ("model",)),
    "distilray_training_tokens_per_second": Metric(Gauge, "tokens trained on per second, over all workers"),
    "distilray_training_mfu": Metric(Gauge, "share of the peak of all workers' devices, 0 to 1"),
    "distilray_training_loss": Metric(Gauge, "loss of the last steps"),
    "distilray_training_step": Metric(Gauge, "optimizer steps done"),
    "distilray_training_steps": Metric(Gauge, "optimizer steps of the whole training"),
}
OF_MODELS = {
    "tokens_in": "distilray_tokens_in_total",
    "tokens_out": "distilray_tokens_out_total",
    "replies": "distilray_replies_total",
    "unreadable": "distilray_unreadable_replies_total",
    "cost": "distilray_cost_total",
}
"""What runners report of each model, and the counter that shows it."""
OUTCOMES = ("kept", "rejected", "failed")


class Totals:
    """Totals that are told again and again, each under a key, as what is new: what a counter grows by."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ...], float] = {}

    def new(self, key: tuple[str, ...], total: float) -> float:
        """What ``total`` is above the last one; nothing where it fell, as when a report is lost that was part of it."""
        grown = total - self._told.get(key, 0.0)
        self._told[key] = total
        return max(grown, 0.0)


class StageMetrics:
    """The metrics of one stage of the run in the directory ``run``."""

    def __init__(self, run: str, stage: str) -> None:
        self._tags = {"run": run, "stage": stage}
        self._totals = Totals()

    def count(self, name: str, total: float, **tags: str) -> None:
        """The counter ``name`` has come to ``total`` since the stage began in this process."""
        if new := self._totals.new((name, *tags.values()), total):
            _ray_metric(name).inc(new, self._tags | tags)

    def show(self, name: str, value: float | None, **tags: str) -> None:
        """The gauge ``name`` is ``value``; None: not known, and not shown."""
        if value is not None:
            _ray_metric(name).set(value, self._tags | tags)

    def rows(self, outcomes: Mapping[str, Mapping[str, int]]) -> None:
        """``{step: {outcome: rows}}`` so far."""
        for step, counts in outcomes.items():
            for outcome, rows in counts.items():
                self.count("distilray_rows_total", rows, step=step, outcome=outcome)

    def models(self, usage: Mapping[str, Mapping[str, float]]) -> None:
        """``{model: {"tokens_in", "tokens_out", "replies", "unreadable", "cost"}}`` so far."""
        for model, spent in usage.items():
            for what, name in OF_MODELS.items():
                self.count(name, spent[what], model=model)

    def places(self, model: str, busy_s: float, place_s: float, engines: int, gpus: float) -> None:
        """Seconds of a model's places so far, its engines and the GPUs of one of them."""
        self.count("distilray_busy_place_seconds_total", busy_s, model=model)
        self.count("distilray_place_seconds_total", place_s, model=model)
        self.show("distilray_engines", engines, model=model)
        self.show("distilray_engine_gpus", engines * gpus, model=model)


class RefreshedGauges:
    """Gauges of a stage that has something new to say only every few minutes. A context manager."""

    def __init__(self, run: str, stage: str) -> None:
        self._metrics = StageMetrics(run, stage)
        self._values: dict[str, float | None] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="metrics", daemon=True)

    def show(self, **values: float | None) -> None:
        """Metrics by name, from now on."""
        self._values = values
        self._show()

    def _show(self) -> None:
        for name, value in self._values.items():
            self._metrics.show(name, value)

    def _refresh(self) -> None:
        while not self._over.wait(SHOWN_EVERY_S):
            self._show()

    def __enter__(self) -> RefreshedGauges:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()


def outcomes_since(steps: Iterable[StepCounts], before: Mapping[str, StepCounts]) -> dict[str, dict[str, int]]:
    """``{step: {outcome: rows}}`` of ``steps`` beyond those ``before``; rows that a step made are not counted in it."""
    found = {}
    for step in steps:
        old = before.get(step.name, StepCounts(step.name))
        rows = {outcome: getattr(step, outcome) - getattr(old, outcome) for outcome in OUTCOMES}
        rows["kept"] -= step.created - old.created
        found[step.name] = rows
    return found


@cache
def _ray_metric(name: str) -> Any:
    metric = METRICS[name]
    return metric.kind(name, metric.text, ("run", "stage", *metric.tags))
