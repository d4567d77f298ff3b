"""Groups take turns, in the order in which they came."""

from __future__ import annotations

import asyncio
import random

from benchmarks.simulator.clock import simulated
from distilray.runner.turns import Turns


class Inside:
    """What is inside at once."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.now: list[object] = []
        self.order: list[object] = []
        self.most = 0

    async def row(self, group: object, seconds: float) -> None:
        async with self.turns.of(group):
            self.now.append(group)
            self.order.append(group)
            self.most = max(self.most, len(self.now))
            assert len(set(self.now)) == 1, self.now
            try:
                await asyncio.sleep(seconds)
            finally:
                self.now.remove(group)


def test_rows_of_a_group_run_side_by_side_and_those_of_others_after_them() -> None:
    inside = Inside()

    async def all_rows() -> float:
        await asyncio.gather(*(inside.row(group, 1.0) for group in "aabab"))
        return asyncio.get_running_loop().time()

    # The third row of a comes after the first of b: it waits, lest b never has its turn.
    assert simulated(all_rows()) == 3.0
    assert inside.order == ["a", "a", "b", "b", "a"] and inside.most == 2


def test_nobody_waits_for_ever_and_rows_that_are_cancelled_hold_nobody_up() -> None:
    inside = Inside()
    draws = random.Random(0)

    async def row(k: int) -> None:
        await asyncio.sleep(draws.random() * 20)
        task = asyncio.ensure_future(inside.row(draws.choice([None, 1, 2, (3, 4)]), draws.random()))
        if draws.random() < 0.3:
            await asyncio.sleep(draws.random())
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def all_rows() -> None:
        await asyncio.gather(*map(row, range(500)))

    simulated(all_rows())
    assert not inside.now and not inside.turns._inside and not inside.turns._waiting
