"""A monitor that is started again finds out what is done, who works on what, and what was spent."""

from __future__ import annotations

from typing import Any

from distilray.ledger import ReplyLog, ReplyStream, StepCounts, UnitCounts, UnitInput, write_unit
from distilray.rows import schema_with
from distilray.runner import Budget
from distilray.runner.dispatch import Opened
from distilray.runner.monitor import LISTENS_S, Monitor, Wait, Work
from distilray.storage import Store

PHASE = "steps/01-answer"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def work(store: Store, *names: str, **limits: Any) -> Work:
    units = tuple((name, UnitInput(f"steps/00-sources/{name}.parquet")) for name in names)
    return Work(store, PHASE, units, {}, (100, 1.0), Budget(**limits))


def publish(store: Store, name: str, runner: str, tokens: int) -> None:
    usage = {"m": {"tokens_in": 0, "tokens_out": tokens, "cost": 0.0}}
    counts = UnitCounts([StepCounts("answer", rows_in=1, kept=1)], usage, runner)
    write_unit(store, f"{PHASE}/{name}.parquet", [{"id": name, "outcome": "kept"}], schema_with({}), counts)


def report(monitor: Monitor, runner: str, tokens: int = 0, **opened: int) -> str | None:
    told = monitor.report(
        runner, {"tokens": tokens, "money": 0.0, "queues": {}, "open": opened, "outcomes": {}, "failures": {}}
    )
    return told["stop"]


def name_of(found: Opened | Wait | None) -> str | None:
    assert not isinstance(found, Wait)
    return found and found.name


def test_a_new_one_hands_out_neither_what_is_published_nor_what_runners_have_open(local_store: Store) -> None:
    publish(local_store, "u", "a", 5)
    clock = Clock()
    monitor = Monitor(work(local_store, "u", "v", "w", "x"), restarted=True, clock=clock)
    assert isinstance(monitor.opens("b", 7), Wait)
    report(monitor, "a", v=3)
    clock.now = LISTENS_S + 1
    assert [name_of(monitor.opens("b", 8)), name_of(monitor.opens("b", 9)), monitor.opens("b", 10)] == ["w", "x", None]
    # The runner that had "v" dies, and its ticket is repeated.
    found = monitor.opens("b", 3)
    assert isinstance(found, Opened) and (found.name, found.crashes.deaths, found.runners) == ("v", 1, ("a",))


def test_what_a_runner_publishes_before_it_reports_is_not_handed_out_again(local_store: Store) -> None:
    clock = Clock()
    monitor = Monitor(work(local_store, "u", "v"), restarted=True, clock=clock)
    monitor.closes("a", "u", published=True)
    clock.now = LISTENS_S + 1
    assert [name_of(monitor.opens("b", 1)), monitor.opens("b", 2)] == ["v", None]


def test_it_finds_the_replies_of_runners_that_died_with_it(local_store: Store) -> None:
    stream = ReplyStream(local_store, PHASE, "dead")
    ReplyLog(local_store, PHASE, "u", (), stream).put("k", [{"text": "5"}])
    stream.flush()
    clock = Clock()
    monitor = Monitor(work(local_store, "u"), restarted=True, clock=clock)
    clock.now = LISTENS_S + 1
    found = monitor.opens("b", 1)
    assert isinstance(found, Opened)
    assert ReplyLog(local_store, PHASE, "u", found.places).get("k") == [{"text": "5"}]


def test_the_budget_holds_over_a_restart(local_store: Store) -> None:
    """What runners report counts once, and of those that died what they published."""
    publish(local_store, "u", "dead", 300)
    publish(local_store, "v", "alive", 200)
    monitor = Monitor(work(local_store, "u", "v", "w", tokens=1000), restarted=True, clock=Clock())
    assert report(monitor, "alive", tokens=590) is None  # 100 before, 300 of the dead one
    assert "1,000 of 1,000" in str(report(monitor, "alive", tokens=600))


def test_the_first_one_hands_out_at_once(local_store: Store) -> None:
    monitor = Monitor(work(local_store, "u", tokens=150), restarted=False)
    assert name_of(monitor.opens("a", 0)) == "u"
    assert report(monitor, "a", tokens=40) is None and "budget.tokens" in str(report(monitor, "a", tokens=50))
