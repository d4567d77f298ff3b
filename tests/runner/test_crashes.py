"""A row that kills its runner is found among hundreds and fails alone; nobody else is blamed."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulator.clock import simulated
from distilray.ledger import ReplyLog
from distilray.models import BudgetSpent, EchoModel
from distilray.rows import Outcome, Row, kept
from distilray.runner import ModelAccess, NamedStep
from distilray.runner.admission import Admission
from distilray.runner.crashes import CrashBook
from distilray.runner.crowd import Crowd
from distilray.runner.marks import Marks, UnitMarks
from distilray.runner.unit import Passage
from distilray.steps import Models, Step
from distilray.storage import Store
from tests.support.marks import Monitor
from tests.support.planted import PlantedClient


class Deadly(Step):
    """Takes a second; rows in ``killers`` end the runner after half of it."""

    killers: tuple[str, ...]
    die: Any

    async def process(self, row: Row, models: Models) -> Outcome:
        await asyncio.sleep(0.5)
        if row.id in self.killers:
            self.die()
            await asyncio.Event().wait()
        await asyncio.sleep(0.5)
        return kept()


@dataclass
class Story:
    """Units that pass through one runner after another until all are published."""

    folder: Path
    units: Mapping[str, list[str]]
    killers: Collection[str]
    places: int = 1000
    deaths: int = 0
    done: dict[str, dict[str, str]] = field(default_factory=dict)
    tickets: set[int] = field(default_factory=set)

    async def tell(self, disturb: Callable[[int], float | None] = lambda runner: None) -> float:
        """Runs to the end; ``disturb``: seconds after which runner k dies of something else. Returns the seconds."""
        monitor, store = Monitor(self.units), Store(self.folder)
        self.tickets = set(range(len(self.units) + 10))
        while len(self.done) < len(self.units):
            dead = asyncio.Event()
            runner = f"runner-{self.deaths}"
            crowd = Crowd(Admission(self.places, 1 << 30, 1))
            step = Deadly(killers=tuple(self.killers), die=dead.set)
            work = asyncio.gather(*(self._ticket(k, runner, monitor, crowd, step, store) for k in sorted(self.tickets)))
            ends = asyncio.ensure_future(dead.wait())
            await asyncio.wait({work, ends}, timeout=disturb(self.deaths), return_when=asyncio.FIRST_COMPLETED)
            if work.done() and not dead.is_set():
                work.result()
                ends.cancel()
                break
            monitor.dead.add(runner)
            self.deaths += 1
            assert self.deaths < 100, "it never ends"
            for task in (work, ends):
                task.cancel()
            await asyncio.gather(work, ends, return_exceptions=True)
        return asyncio.get_running_loop().time()

    async def _ticket(self, ticket: int, runner: str, monitor: Monitor, crowd: Crowd, step: Step, store: Store) -> None:
        """As a row runner does; Ray Data repeats tickets that had no end."""
        with contextlib.suppress(BudgetSpent):
            async with crowd.unit() as place:
                opened = await monitor.opens.remote(runner, ticket)
                if opened is None:
                    if runner not in monitor.dead:
                        self.tickets.remove(ticket)
                    return
                rows = [
                    Row({"id": row, "messages": [{"role": "user", "content": "?"}]}) for row in self.units[opened.name]
                ]
                place.read(len(rows), 0)
                access = ModelAccess(PlantedClient(lambda request: "1"), {"m": EchoModel()}, seed=0)
                log = ReplyLog(store, "phase", opened.name)
                marks = UnitMarks(Marks(runner, monitor), opened.name, opened.crashes)
                passage = Passage([NamedStep("deadly", step)], access, log, marks, place)
                out = await passage.run(rows)
                assert passage.counts[0].reconciled
                assert opened.name not in self.done, "it was handed out twice"
                self.done[opened.name] = {values["id"]: values["outcome"] for values in out}
                await monitor.closes.remote(runner, opened.name, True)
                self.tickets.remove(ticket)

    def failed(self) -> set[str]:
        return {row for unit in self.done.values() for row, outcome in unit.items() if outcome == "failed"}


def units(number: int, rows: int) -> dict[str, list[str]]:
    return {f"unit-{k}": [f"r{k}-{i}" for i in range(rows)] for k in range(number)}


@pytest.mark.parametrize(("number", "rows"), [(1, 1), (1, 4), (1, 256), (200, 1), (200, 4)])
def test_a_killer_is_found_and_fails_alone(tmp_path: Path, number: int, rows: int) -> None:
    killer = f"r{number // 2}-{rows // 3}"
    story = Story(tmp_path, units(number, rows), {killer})
    simulated(story.tell())
    assert story.failed() == {killer}
    assert sum(map(len, story.done.values())) == number * rows
    # One death without care, two until there are suspects, one that shows that they are; then halving, twice alone.
    assert story.deaths <= 4 + 2 * math.ceil(math.log2(number * rows + 1)) + 2


def test_several_killers_are_all_found(tmp_path: Path) -> None:
    story = Story(tmp_path, units(20, 16), {"r3-1", "r3-2", "r17-15"})
    simulated(story.tell())
    assert story.failed() == {"r3-1", "r3-2", "r17-15"}


def test_a_killer_is_found_where_few_rows_have_a_place_at_once(tmp_path: Path) -> None:
    story = Story(tmp_path, units(10, 16), {"r9-15"}, places=8)
    simulated(story.tell())
    assert story.failed() == {"r9-15"}


def test_nodes_that_are_lost_fail_no_row(tmp_path: Path) -> None:
    """Three times with everything in flight, and once among the suspects that this makes."""
    story = Story(tmp_path, units(8, 8), set())
    simulated(story.tell(lambda runner: 0.7 if runner < 4 else None))
    assert story.deaths == 4 and story.failed() == set()


def test_the_time_that_is_lost_grows_with_halvings_and_not_with_rows(tmp_path: Path) -> None:
    story = Story(tmp_path, units(200, 2), {"r7-1"})
    seconds = simulated(story.tell())
    assert seconds < 40  # row by row, 400 suspects of a second each would be 400


def test_rows_in_flight_at_two_deaths_are_suspects() -> None:
    book = CrashBook()
    assert book.opens("u").deaths == 0
    book.died("a", ["u", "v"])
    for runner in ("b", "c"):
        book.marks(runner, [("u", 1, False), ("u", 2, False), ("u", 3, False)], [])
        book.marks(runner, [], [("u", 3)])
        book.died(runner, ["u"])
    found = book.opens("u")
    assert found.deaths == 3 and book.opens("v").deaths == 1
    assert {k: crashes.suspect for k, crashes in found.rows.items()} == {1: True, 2: True}
    assert not any(crashes.guilty for crashes in found.rows.values())


def test_a_row_that_is_cancelled_while_the_monitor_is_told_cancels_no_other() -> None:
    book = CrashBook()
    book.died("a", ["u"])

    class Slow:
        """The monitor, a second away."""

        async def remote(self, *told: Any) -> None:
            await asyncio.sleep(1)
            book.marks(*told)

    class There:
        marks = Slow()

    async def story() -> None:
        marks = UnitMarks(Marks("b", There()), "u", book.opens("u"))
        cancelled, other = (asyncio.ensure_future(marks.begin(position)) for position in (1, 2))
        await asyncio.sleep(0.5)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        marks.end(1)
        await other
        await asyncio.sleep(2)
        book.died("b", ["u"])

    simulated(story())
    assert book.opens("u").rows == {2: (1, 0, 0)}
