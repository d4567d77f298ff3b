"""One phase of a run under a virtual clock.

Units are assigned to runners as Ray Data assigns them, and pass through the crowd of each runner to virtual engines.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.simulator.engines import VirtualClient, VirtualPool
from benchmarks.simulator.schedule import first_come_first_served
from distilray.models import EchoModel
from distilray.runner.context import Resources
from distilray.runner.crowd import Crowd, OpenUnit
from distilray.runner.queues import REPORT_EVERY_S
from distilray.runner.sizing import Sizing, size

Runner = tuple[Crowd, Mapping[str, VirtualClient]]
Requests = Sequence[tuple[str, float]]
"""What one row asks for, in order: a model, and the seconds that its reply takes."""


@dataclass(frozen=True)
class Load:
    """Rows and how long their replies take."""

    rows: int
    models: Mapping[str, int]
    """Model to engines."""
    places: int = 256
    """Of each engine."""
    mean_s: float = 2.0
    sigma: float = 0.8
    least_calls: int = 1
    most_calls: int = 1
    """A row asks as often, evenly spread; it asks the models in turn."""
    seed: int = 0

    def requests(self) -> list[Requests]:
        draws = random.Random(self.seed)
        names = list(self.models)
        middle = math.log(self.mean_s) - self.sigma**2 / 2
        return [
            [
                (names[k % len(names)], draws.lognormvariate(middle, self.sigma))
                for k in range(draws.randint(self.least_calls, self.most_calls))
            ]
            for _ in range(self.rows)
        ]


@dataclass(frozen=True)
class Simulated:
    """What a phase took, in virtual seconds."""

    seconds: float
    least_seconds: float
    """Of :func:`~benchmarks.simulator.schedule.first_come_first_served` with the same draws."""
    busy_until_last_row: dict[str, float]
    """Share of a model's places that were busy until the last row began."""
    most_open_units: int
    """Of one runner."""
    overloaded: float
    """The longest queue of an engine, in its places, that was seen while another engine had none at all."""

    @property
    def ratio(self) -> float:
        return self.seconds / self.least_seconds


class Phase:
    """``overhead_s`` is that of each request, ``read_s`` of reading a unit, ``publish_s`` of publishing one."""

    def __init__(
        self,
        load: Load,
        resources: Resources,
        *,
        overhead_s: float = 0.0,
        read_s: float = 0.0,
        publish_s: float = 0.0,
        sizing: Sizing | None = None,
    ) -> None:
        self.load, self.resources = load, resources
        self.overhead_s, self.read_s, self.publish_s = overhead_s, read_s, publish_s
        units = math.ceil(load.rows / resources.rows_per_unit)
        models = {name: EchoModel(replicas=replicas, concurrency=load.places) for name, replicas in load.models.items()}
        self.sizing = sizing or size(resources, models, units)

    async def run(self) -> Simulated:
        load, loop = self.load, asyncio.get_running_loop()
        rows = load.requests()
        self.pools = {
            model: VirtualPool(model, replicas, load.places, self.overhead_s) for model, replicas in load.models.items()
        }
        size = self.resources.rows_per_unit
        units = [range(k, min(k + size, len(rows))) for k in range(0, len(rows), size)]
        self.rows, self.left, self.most_open, self.overloaded = rows, len(rows), 0, 0.0
        self.busy: dict[str, float] = {}
        runners = [
            (Crowd(replace(self.sizing.admission)), {model: pool.client() for model, pool in self.pools.items()})
            for _ in range(self.sizing.runners)
        ]
        beside = [asyncio.ensure_future(self._watch()), asyncio.ensure_future(_tell_each_other(runners))]
        await self._assign(runners, units)
        for task in beside:
            task.cancel()
        places = {model: pool.places for model, pool in self.pools.items()}
        return Simulated(loop.time(), first_come_first_served(rows, places), self.busy, self.most_open, self.overloaded)

    async def _watch(self) -> None:
        """Four times a mean reply, until the last row has begun."""
        while self.left:
            await asyncio.sleep(self.load.mean_s / 4)
            for pool in self.pools.values():
                taken = [engine.places.taken for engine in pool.engines]
                if not min(taken):
                    self.overloaded = max(self.overloaded, max(taken) / self.load.places)

    async def _assign(self, runners: list[Runner], units: Sequence[range]) -> None:
        """Each unit to the runner with the fewest, while any has fewer than it may be assigned."""
        assigned = dict.fromkeys(range(len(runners)), 0)
        free = asyncio.Event()

        async def work(runner: int, unit: range) -> None:
            await self._pass(runners[runner], unit)
            assigned[runner] -= 1
            free.set()

        async with asyncio.TaskGroup() as group:
            for unit in units:
                while min(assigned.values()) >= self.sizing.units_assigned:
                    free.clear()
                    await free.wait()
                runner = min(assigned, key=assigned.__getitem__)
                assigned[runner] += 1
                group.create_task(work(runner, unit))

    async def _pass(self, runner: Runner, unit: range) -> None:
        crowd, clients = runner
        async with crowd.unit() as opened:
            self.most_open = max(self.most_open, crowd.admission.open)
            await asyncio.sleep(self.read_s)
            opened.read(len(unit), 0)
            async with asyncio.TaskGroup() as group:
                for row in unit:
                    group.create_task(self._row(opened, clients, row))
            await asyncio.sleep(self.publish_s)

    async def _row(self, unit: OpenUnit, clients: Mapping[str, VirtualClient], row: int) -> None:
        async with unit.place():
            self.left -= 1
            if not self.left:
                now = asyncio.get_running_loop().time()
                self.busy = {m: pool.busy_s() / (pool.places * now) for m, pool in self.pools.items()}
            for model, seconds in self.rows[row]:
                await clients[model].ask(f"r{row}", seconds)


async def _tell_each_other(runners: Sequence[Runner]) -> None:
    """As often as runners report to the monitor, each learns what the others have with every engine."""
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        for model in runners[0][1]:
            routers = [clients[model].router for _, clients in runners]
            own = np.array([router.own for router in routers])
            for router, mine in zip(routers, own, strict=True):
                router.others(own.sum(axis=0) - mine)
