"""The monitor: a small actor to which runners report each second, and which tells them when the budget is spent."""

from __future__ import annotations

import threading
from typing import Any

import ray

from distilray.runner.crashes import CrashBook, UnitCrashes
from distilray.runner.queues import Queues


class Monitor:
    """Keeps the latest report of every runner of a phase and the sum of what they spent."""

    def __init__(self, spent_tokens: int, spent_money: float, tokens: int | None, money: float | None) -> None:
        self._baseline = (spent_tokens, spent_money)
        self._limits = (tokens, money)
        self._reports: dict[str, dict[str, Any]] = {}
        self._stop: str | None = None
        self._fault: str | None = None
        self._book = CrashBook()
        self._queues = Queues()
        self._lock = threading.Lock()

    def report(self, runner: str, report: dict[str, Any]) -> dict[str, Any]:
        """Takes ``{"units", "rows", "ended", "waiting", "began", "outcomes": {step: {kind: rows}}, "models": {model:
        usage}, "tokens", "money", "queues": {model: [requests at each engine]}}``, all but the queues since the runner
        began. Returns why the runner should ``stop``, or None, and the queues of all ``others``."""
        with self._lock:
            self._reports[runner] = report
            if self._stop is None:
                self._stop = self._overspent()
            return {"stop": self._stop, "others": self._queues.report(runner, report["queues"])}

    def stop(self, why: str) -> None:
        self._stop = why

    def opens(self, runner: str, unit: str) -> UnitCrashes:
        """See :class:`CrashBook`, as for the next two."""
        with self._lock:
            return self._book.opens(runner, unit)

    def marks(self, runner: str, begun: list[tuple[str, int, bool]], ended: list[tuple[str, int]]) -> None:
        with self._lock:
            self._book.marks(runner, begun, ended)

    def closes(self, runner: str, unit: str) -> None:
        with self._lock:
            self._book.closes(runner, unit)

    def fault(self, why: str) -> None:
        """The machinery fails and has failed for long: every runner should stop."""
        self._fault = self._fault or why
        self._stop = self._stop or why

    def reports(self) -> dict[str, Any]:
        return {"runners": self._reports, "stop": self._stop, "fault": self._fault}

    def _overspent(self) -> str | None:
        tokens = self._baseline[0] + sum(report["tokens"] for report in self._reports.values())
        money = self._baseline[1] + sum(report["money"] for report in self._reports.values())
        if self._limits[0] is not None and tokens >= self._limits[0]:
            return f"budget.tokens: {tokens:,} of {self._limits[0]:,} tokens are used"
        if self._limits[1] is not None and money >= self._limits[1]:
            return f"budget.money: {money:.2f} of {self._limits[1]:.2f} is used"
        return None


def start_monitor(spent_tokens: int, spent_money: float, tokens: int | None, money: float | None) -> Any:
    """A monitor's handle; what was spent before counts against the limits."""
    actor: Any = ray.remote(Monitor)
    # Runners report sums since they began, so that one that was started again soon knows what is spent.
    options = {"num_cpus": 0, "max_concurrency": 64, "max_restarts": -1, "max_task_retries": -1}
    return actor.options(**options).remote(spent_tokens, spent_money, tokens, money)


def reports(monitor: Any) -> dict[str, Any]:
    """The newest report of every runner, why they should stop, if they should, and the fault that stops them."""
    found: Any = ray.get(monitor.reports.remote())
    return found
