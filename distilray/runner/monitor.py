"""The monitor: a small actor that hands out units, and to which runners report each second.

It tells them when the budget is spent, and what the other runners have with each engine.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from distilray.ledger import UnitInput
from distilray.runner.context import Budget
from distilray.runner.dispatch import Dispatch, Opened
from distilray.runner.failing import failing
from distilray.runner.queues import Queues


class Monitor:
    """Hands out a phase's units, keeps the latest report of every runner and the sum of what they spent."""

    def __init__(self, units: Sequence[tuple[str, UnitInput]], spent: tuple[int, float], budget: Budget) -> None:
        self._dispatch = Dispatch(units)
        self._spent, self._budget = spent, budget
        self._queues = Queues()
        self._reports: dict[str, dict[str, Any]] = {}
        self._stop: str | None = None
        self._fault: str | None = None
        self._lock = threading.Lock()

    def opens(self, runner: str, ticket: int) -> Opened | None:
        """See :class:`Dispatch`, as for the next one."""
        with self._lock:
            return self._dispatch.opens(runner, ticket)

    def closes(self, runner: str, unit: str, published: bool) -> None:
        with self._lock:
            self._dispatch.closes(runner, unit, published)

    def marks(self, runner: str, begun: list[tuple[str, int, bool]], ended: list[tuple[str, int]]) -> None:
        """See :class:`~distilray.runner.crashes.CrashBook`."""
        with self._lock:
            self._dispatch.book.marks(runner, begun, ended)

    def report(self, runner: str, report: dict[str, Any]) -> dict[str, Any]:
        """Takes ``{"units", "rows", "ended", "waiting", "began", "outcomes": {step: {kind: rows}}, "models": {model:
        usage}, "tokens", "money", "queues": {model: [requests at each engine]}}``, all but the queues since the runner
        began. Returns why the runner should ``stop``, or None, and the queues of all ``others``."""
        with self._lock:
            self._reports[runner] = report
            if self._stop is None:
                self._stop = self._overspent() or failing(self._reports.values(), self._budget)
            return {"stop": self._stop, "others": self._queues.report(runner, report["queues"])}

    def stop(self, why: str) -> None:
        with self._lock:
            self._stop = why

    def fault(self, why: str) -> None:
        """The machinery fails and has failed for long: every runner should stop."""
        with self._lock:
            self._fault = self._fault or why
            self._stop = self._stop or why

    def reports(self) -> dict[str, Any]:
        """The newest report of every runner, why they should stop, if they should, and the fault that stops them."""
        with self._lock:
            return {"runners": dict(self._reports), "stop": self._stop, "fault": self._fault}

    def _overspent(self) -> str | None:
        spent_tokens, spent_money = self._spent
        tokens = spent_tokens + sum(report["tokens"] for report in self._reports.values())
        money = spent_money + sum(report["money"] for report in self._reports.values())
        limits = self._budget
        if limits.tokens is not None and tokens >= limits.tokens:
            return f"budget.tokens: {tokens:,} of {limits.tokens:,} tokens are used"
        if limits.money is not None and money >= limits.money:
            return f"budget.money: {money:.2f} of {limits.money:.2f} is used"
        return None


def start_monitor(units: Sequence[tuple[str, UnitInput]], spent: tuple[int, float], budget: Budget) -> Any:
    """A monitor's handle; ``spent``, tokens and money so far, counts against the budget.

    It runs beside the driver and, like it, is not started again: what is open where would be lost. Its death stops the
    run, which the same command continues.
    """
    actor: Any = ray.remote(Monitor)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    options = {"num_cpus": 0, "max_concurrency": 64, "scheduling_strategy": here}
    return actor.options(**options).remote(units, spent, budget)


def reports(monitor: Any) -> dict[str, Any]:
    """:meth:`Monitor.reports`."""
    found: Any = ray.get(monitor.reports.remote())
    return found


def is_lost(monitor: Any) -> bool:
    """Whether the monitor died."""
    try:
        reports(monitor)
    except RayActorError:
        return True
    return False
