"""What a runner works on at once, under a virtual clock: rows and bytes bound it, units do not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from benchmarks.simulator.clock import simulated
from distilray.models import BudgetSpent
from distilray.runner.admission import Admission
from distilray.runner.crowd import Crowd


class Watched:
    """Passes units of rows that take ``seconds`` through a crowd, and notes what was there at once."""

    def __init__(self, places: int, most_bytes: int = 1 << 30, unit_rows: int = 4, read_s: float = 0.0) -> None:
        self.crowd = Crowd(Admission(places, most_bytes, unit_rows))
        self.read_s = read_s
        self.most_taken = self.most_open = self.most_held = 0
        self.ended: list[tuple[int, float]] = []
        self.stopped = 0

    async def units(self, units: Sequence[Sequence[float]], size: int = 1) -> None:
        async with asyncio.TaskGroup() as group:
            for number, rows in enumerate(units):
                group.create_task(self._unit(number, rows, size))

    async def _unit(self, number: int, rows: Sequence[float], size: int) -> None:
        try:
            async with self.crowd.unit() as unit:
                self.most_open = max(self.most_open, self.crowd.admission.open)
                await asyncio.sleep(self.read_s)
                unit.read(len(rows), size)
                self.most_held = max(self.most_held, self.crowd.admission.held)

                async def row(seconds: float) -> None:
                    async with unit.place():
                        self.most_taken = max(self.most_taken, self.crowd.admission.taken)
                        await asyncio.sleep(seconds)

                await asyncio.gather(*map(row, rows))
        except BudgetSpent:
            self.stopped += 1
            return
        self.ended.append((number, asyncio.get_running_loop().time()))

    def is_empty(self) -> bool:
        admission = self.crowd.admission
        return (admission.open, admission.waiting, admission.taken, admission.held, admission.reading) == (0,) * 5


def run(work: Coroutine[Any, Any, Any]) -> float:
    async def timed() -> float:
        await work
        return asyncio.get_running_loop().time()

    return simulated(timed())


def test_a_slow_row_in_each_unit_keeps_only_its_own_place() -> None:
    watched = Watched(places=8)
    seconds = run(watched.units([[1, 1, 1, 100] for _ in range(16)]))
    # 16 slow rows on eight places: two rounds; with a bound on open units they would have come one after another.
    assert seconds == pytest.approx(200, rel=0.1)
    assert watched.most_taken == 8 and watched.most_open > 4
    assert watched.is_empty() and watched.crowd.ended == 64


def test_places_are_never_exceeded_and_never_idle_while_rows_wait() -> None:
    watched = Watched(places=8)
    seconds = run(watched.units([[1.0] * 4] * 20))
    assert (watched.most_taken, seconds) == (8, 10.0)


def test_units_are_read_ahead_of_their_rows() -> None:
    watched = Watched(places=8, read_s=0.5)
    assert run(watched.units([[1.0] * 4] * 20)) <= 10.0 + 3 * 0.5


def test_no_more_units_are_open_than_rows_need() -> None:
    watched = Watched(places=8)
    run(watched.units([[1.0] * 4] * 20))
    assert watched.most_open <= 5  # two that end, two that are worked on, and the next one


def test_bytes_bound_what_is_open_but_a_single_unit_may_be_larger() -> None:
    watched = Watched(places=100, most_bytes=30)
    run(watched.units([[1.0] * 4] * 20, size=10))
    assert watched.most_held == 30
    alone = Watched(places=100, most_bytes=30)
    assert run(alone.units([[1.0] * 4] * 3, size=1000)) == 3.0
    assert alone.most_held == 1000 and alone.is_empty()


def test_units_of_other_sizes_than_expected_fill_the_places_too() -> None:
    watched = Watched(places=8, unit_rows=256)
    assert run(watched.units([[1.0]] * 64)) == 8.0
    assert watched.most_taken == 8


def test_a_stop_ends_units_that_wait_and_lets_rows_end_that_began() -> None:
    watched = Watched(places=4)

    async def stopped() -> None:
        work = asyncio.create_task(watched.units([[1.0] * 4] * 10))
        await asyncio.sleep(1.5)
        watched.crowd.stop()
        await work

    assert run(stopped()) == 2.0
    assert [number for number, _ in watched.ended] == [0, 1] and watched.stopped == 8
    assert watched.is_empty() and watched.crowd.ended == 8
