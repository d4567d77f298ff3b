"""A row runner: the light actor that Ray Data starts, and to which it sends tickets for units.

It reads a unit's rows from Parquet, runs their coroutines and publishes one Parquet file. ``__call__`` is async and
only awaits work on the runner's own loop thread: a blocking put in Ray's loop cannot stall timers then, and many units
are open at once (a synchronous class ran them one after another, at 0.55 of the speed).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import ray
from msgspec.json import encode

from distilray.errors import MachineryFault
from distilray.ledger import (
    RECORD_EVERY_S,
    RecordWriter,
    ReplyLog,
    ReplyStream,
    UnitCounts,
    UnitInput,
    find_in_streams,
    kept_rows,
    write_unit,
)
from distilray.models import BudgetSpent, PoolClient, PoolHandles, tune_gc
from distilray.rows import Row
from distilray.runner.admission import Admission
from distilray.runner.crowd import Crowd, OpenUnit
from distilray.runner.dispatch import Opened
from distilray.runner.marks import Marks, UnitMarks
from distilray.runner.monitor import Wait
from distilray.runner.queues import REPORT_EVERY_S
from distilray.runner.row_models import ModelAccess
from distilray.runner.shared_storage import refusal, sees
from distilray.runner.stage import Phase
from distilray.runner.unit import Passage
from distilray.storage import Store

FAULTS_BEFORE_STOPPING = 3
"""Faults of the machinery that end a unit's work until the run stops. Storage and clients have each waited for minutes
before they report one."""
PAUSE_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunnerSpec:
    """What a runner needs to know about its phase (sent to the actor once)."""

    store: Store
    phase: Phase
    pools: PoolHandles
    monitor: Any
    seed: int
    admission: Admission
    """What each runner may work on at once."""
    keep_replies: bool = True
    units_a_ticket: int = 1


class RowRunner:
    """Runs units of rows through the steps of one phase."""

    def __init__(self, spec: RunnerSpec) -> None:
        self.spec = spec
        self.id = f"{ray.get_runtime_context().get_node_id()[:6]}-{uuid.uuid4().hex[:8]}"
        self.schema = spec.phase.schema()
        self.files = ThreadPoolExecutor(4, thread_name_prefix="unit-files")
        self.records = RecordWriter(spec.store, spec.phase.directory, self.id)
        self.stream = ReplyStream(spec.store, spec.phase.directory, self.id)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True, name="rows").start()
        self.session = asyncio.run_coroutine_threadsafe(self._open(), self.loop).result()

    async def _open(self) -> _Session:
        client = PoolClient(self.spec.pools)
        weights = {name: pool.weights_id for name, pool in self.spec.pools.pools.items()}
        access = ModelAccess(client, self.spec.phase.models, self.spec.seed, weights_ids=weights)
        session = _Session(client, access, Crowd(replace(self.spec.admission)), Marks(self.id, self.spec.monitor))
        session.work = [asyncio.create_task(self._report(session)), asyncio.create_task(self._record_on())]
        await self._see_the_run(session.crowd)
        tune_gc()
        return session

    async def _see_the_run(self, crowd: Crowd) -> None:
        """Stops all runners where this one's node, which may have joined late, does not see the run directory."""
        store, manifest = self.spec.store, f"{self.spec.phase.directory}/manifest.json"
        if store.local and not await asyncio.get_running_loop().run_in_executor(self.files, sees, store, manifest):
            await self.spec.monitor.fault.remote(refusal(store))
            crowd.stop()

    async def __call__(self, batch: Mapping[str, Any]) -> AsyncIterator[dict[str, list[Any]]]:
        for ticket in batch["ticket"]:
            for _ in range(self.spec.units_a_ticket):
                work = asyncio.run_coroutine_threadsafe(self._run(int(ticket)), self.loop)
                name, counts = await asyncio.wrap_future(work)
                yield {"name": [name], "counts": [encode(counts) if counts else b""]}
                if counts is None:
                    break  # no unit is left, or the run stops

    async def _run(self, ticket: int) -> tuple[str, UnitCounts | None]:
        """The unit that the ticket opened and its counts; none where no unit is left, or the run was stopped."""
        for left in reversed(range(FAULTS_BEFORE_STOPPING)):
            try:
                async with self.session.crowd.unit() as place:
                    opened = await self._next_unit(ticket)
                    if opened is None:
                        return "", None
                    return opened.name, await self._closing(opened, ticket, place)
            except BudgetSpent:
                return "", None
            except MachineryFault as fault:
                log.warning("a unit is put back: %s", fault)
                if not left:
                    # All runners stop, and the driver reads why from the monitor.
                    await self.spec.monitor.fault.remote(str(fault))
                    self.session.crowd.stop()
                    return "", None
                await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        raise AssertionError("the last try returns")

    async def _next_unit(self, ticket: int) -> Opened | None:
        while isinstance(opened := await self.spec.monitor.opens.remote(self.id, ticket), Wait):
            await asyncio.sleep(opened.seconds)
        return opened

    async def _closing(self, opened: Opened, ticket: int, place: OpenUnit) -> UnitCounts:
        """Passes the unit through the phase, and tells the monitor how it ended."""
        published = False
        self.session.open[opened.name] = ticket
        try:
            counts = await self._pass(opened, place)
            published = True
            if self.session.crowd.admission.open == 1:  # nothing else will end soon
                await self._record()
        finally:
            await self.spec.monitor.closes.remote(self.id, opened.name, published)
            del self.session.open[opened.name]
        return counts

    async def _pass(self, opened: Opened, place: OpenUnit) -> UnitCounts:
        name, phase = opened.name, self.spec.phase
        started = time.perf_counter()
        in_thread = asyncio.get_running_loop().run_in_executor
        rows, size = await in_thread(self.files, self._read, opened.unit)
        place.read(len(rows), size)
        replies = await in_thread(self.files, self._replies, opened)
        marks = UnitMarks(self.session.marks, name, opened.crashes)
        passage = Passage(phase.steps, self.session.access, replies, marks, place)
        try:
            values = await passage.run(rows)
        except (BudgetSpent, MachineryFault):
            with contextlib.suppress(OSError):  # what the storage has not taken is asked for again
                await in_thread(self.files, replies.close)
            raise
        counts = UnitCounts(
            steps=passage.counts,
            models={model: _usage(spent) for model, spent in passage.by_model.items()},
            runner=self.id,
            engines=self.session.engines_since_last_unit(),
            seconds=time.perf_counter() - started,
        )
        await in_thread(self.files, self._publish, name, values, counts, replies)
        return counts

    def _read(self, unit: UnitInput) -> tuple[list[Row], int]:
        table = kept_rows(self.spec.store, unit)
        return [Row(values) for values in table.to_pylist()], table.nbytes

    def _replies(self, opened: Opened) -> ReplyLog:
        store, phase, places = self.spec.store, self.spec.phase.directory, opened.places
        if opened.runners:
            places += find_in_streams(store, phase, opened.name, opened.runners)
        return ReplyLog(store, phase, opened.name, places, self.stream)

    def _publish(self, name: str, values: list[dict[str, Any]], counts: UnitCounts, replies: ReplyLog) -> None:
        if self.spec.keep_replies:
            replies.seal()  # first: a kill between the two must not lose them
        write_unit(self.spec.store, f"{self.spec.phase.directory}/{name}.parquet", values, self.schema, counts)
        if not self.spec.keep_replies:
            replies.drop()
        self.records.add(name, counts)

    async def _record_on(self) -> None:
        while True:
            await asyncio.sleep(RECORD_EVERY_S)
            await self._record()

    async def _record(self) -> None:
        """Records the units that were published since; after that their replies in the stream are not needed."""
        in_thread = asyncio.get_running_loop().run_in_executor
        try:
            recorded = await in_thread(self.files, self.records.flush)
            await in_thread(self.files, self.stream.recorded, recorded)
        except OSError as fault:
            log.warning("units are published, their record waits: %s", fault)

    async def _report(self, session: _Session) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            usage, crowd = session.client.usage, session.crowd
            report = {
                "units": crowd.units,
                "rows": crowd.rows,
                "ended": crowd.ended,
                "waiting": crowd.admission.waiting,
                "began": crowd.began,
                "outcomes": crowd.outcomes,
                "failures": crowd.failures,
                "models": {
                    name: {
                        "tokens_in": model.tokens_in,
                        "tokens_out": model.tokens_out,
                        "replies": model.replies,
                        "unreadable": session.access.unreadable[name],
                        "cost": model.cost,
                    }
                    for name, model in usage.items()
                },
                "tokens": sum(model.tokens_in + model.tokens_out for model in usage.values()),
                "money": sum(model.cost for model in usage.values()),
                "queues": session.client.queues,
                "open": dict(session.open),
            }
            told = await self.spec.monitor.report.remote(self.id, report)
            session.client.others(told["others"])
            if told["stop"]:
                crowd.stop()


class _Session:
    """What lives on the runner's loop."""

    def __init__(self, client: PoolClient, access: ModelAccess, crowd: Crowd, marks: Marks) -> None:
        self.client, self.access, self.crowd, self.marks = client, access, crowd, marks
        self.work: list[asyncio.Task[None]] = []
        self.open: dict[str, int] = {}
        """Units, and the tickets for which they were handed out."""
        self._counted: dict[str, int] = {}

    def engines_since_last_unit(self) -> dict[str, int]:
        """Replies per engine since the last call. Units overlap, so a reply is counted with the next unit that ends."""
        replies = {engine: n for model in self.client.usage.values() for engine, n in model.engines.items()}
        new = {engine: n - self._counted.get(engine, 0) for engine, n in replies.items()}
        self._counted = replies
        return {engine: n for engine, n in new.items() if n}


def _usage(spent: list[float]) -> dict[str, float]:
    names = ("requests", "replies", "replayed", "tokens_in", "tokens_out", "cost")
    return dict(zip(names, spent, strict=True))
