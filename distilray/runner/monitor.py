"""The monitor: a small actor that hands out units, and to which runners report each second.

It tells them when the budget is spent, and what the other runners have with each engine. When it dies Ray starts it
again: what is published, and what was spent on it, is in the ledger, and what runners have open is in their reports.
For a few seconds it listens to them and hands out nothing; rows that are worked on do not notice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from distilray.ledger import Place, Places, UnitInput, add_usage, find_replies, read_counts
from distilray.runner.context import Budget
from distilray.runner.dispatch import Dispatch, Opened
from distilray.runner.failing import failing
from distilray.runner.queues import REPORT_EVERY_S, Queues
from distilray.runner.spending import tokens_and_money
from distilray.storage import Store

RESTARTS = 10
LISTENS_S = 5 * REPORT_EVERY_S
"""How long a monitor that was started again waits for the reports of runners that live."""


@dataclass(frozen=True)
class Work:
    """What a monitor hands out, and what it watches over."""

    store: Store
    folder: str
    """Of the phase."""
    units: tuple[tuple[str, UnitInput], ...]
    """Those that were not published when the phase began."""
    places: Places
    """Where earlier replies to them are."""
    spent: tuple[int, float]
    """Tokens and money before the phase's runners began."""
    budget: Budget


class Wait(NamedTuple):
    """No unit is handed out for so long."""

    seconds: float


class Monitor:
    """Hands out a phase's units, keeps the latest report of every runner and the sum of what they spent."""

    def __init__(self, work: Work, restarted: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``restarted``: whether another one did this work before; None: Ray knows."""
        if restarted is None:
            restarted = bool(ray.get_runtime_context().was_current_actor_reconstructed)
        self._clock = clock
        self._spent, self._budget = work.spent, work.budget
        self._queues = Queues()
        self._reports: dict[str, dict[str, Any]] = {}
        self._published: dict[str, tuple[int, float]] = {}
        """Runners before the restart, and what the units that they published came to: what counts of those that do not
        report any more."""
        self._stop: str | None = None
        self._fault: str | None = None
        self._lock = threading.Lock()
        self._restarted = restarted
        self._dispatch = self._resumed(work) if restarted else Dispatch(work.units, work.places)
        self._listens_until = clock() + LISTENS_S

    def _resumed(self, work: Work) -> Dispatch:
        names = set(work.store.names(work.folder))
        done = {name: f"{work.folder}/{name}.parquet" for name, _ in work.units if f"{name}.parquet" in names}
        usage: dict[str, dict[str, dict[str, float]]] = {}
        for counts in read_counts(work.store, work.folder, done).values():
            add_usage(usage.setdefault(counts.runner, {}), counts.models)
        self._published = {runner: tokens_and_money(models) for runner, models in usage.items()}
        left = [(name, unit) for name, unit in work.units if name not in done]
        places = find_replies(work.store, work.folder, [name for name, _ in left])
        return Dispatch(left, {name: _both(work.places.get(name, ()), places.get(name, ())) for name, _ in left})

    def opens(self, runner: str, ticket: int) -> Opened | Wait | None:
        """See :class:`Dispatch`, as for the next one."""
        with self._lock:
            if self._restarted and (left := self._listens_until - self._clock()) > 0:
                return Wait(left)
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
        usage}, "tokens", "money", "queues": {model: [requests at each engine]}, "open": {unit: ticket}}``, all but the
        last two since the runner began. Returns why the runner should ``stop``, or None, and the queues of all
        ``others``."""
        with self._lock:
            self._reports[runner] = report
            if self._restarted:
                self._dispatch.learns(runner, report["open"])
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
        parts = [self._spent, *((report["tokens"], report["money"]) for report in self._reports.values())]
        parts += [spent for runner, spent in self._published.items() if runner not in self._reports]
        tokens, money = sum(part[0] for part in parts), sum(part[1] for part in parts)
        limits = self._budget
        if limits.tokens is not None and tokens >= limits.tokens:
            return f"budget.tokens: {tokens:,} of {limits.tokens:,} tokens are used"
        if limits.money is not None and money >= limits.money:
            return f"budget.money: {money:.2f} of {limits.money:.2f} is used"
        return None


def _both(some: tuple[Place, ...], others: tuple[Place, ...]) -> tuple[Place, ...]:
    return tuple(dict.fromkeys((*some, *others)))


@contextmanager
def running_monitor(work: Work) -> Iterator[Any]:
    """A monitor's handle. It runs beside the driver and is started again where it dies; calls wait for it.

    It is stopped with the phase; not by an error, since runners that still work learn from it that they should stop.
    """
    actor: Any = ray.remote(Monitor)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    lasting = {"max_restarts": RESTARTS, "max_task_retries": -1}
    monitor = actor.options(num_cpus=0, max_concurrency=64, scheduling_strategy=here, **lasting).remote(work)
    yield monitor
    ray.kill(monitor)  # handles that are still somewhere would keep it for minutes


def reports(monitor: Any) -> dict[str, Any]:
    """:meth:`Monitor.reports`."""
    found: Any = ray.get(monitor.reports.remote())
    return found


def is_lost(monitor: Any) -> bool:
    """Whether the monitor died, more often than it is started again."""
    try:
        reports(monitor)
    except RayActorError:
        return True
    return False
