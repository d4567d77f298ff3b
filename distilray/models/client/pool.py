"""The engines of one model as one client sees them: they join, come back and leave while it asks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

import msgspec

from distilray.models.client.connection import Asked, EngineConnection, EngineDied
from distilray.models.client.handles import EngineHandle, PoolHandle
from distilray.models.client.routing import Router
from distilray.models.errors import NoEngineAlive, PromptKillsEngines
from distilray.models.replies import AnyReply
from distilray.models.requests import Request
from distilray.models.settings.base import Price

SUSPECT = 2
"""Strikes (deaths of an engine while it had the request) from which a request is asked alone."""
STRIKES = 4
GONE_S = 1800.0
"""How long all engines of a model may be down before the run gives up on them."""


@dataclass(slots=True)
class Usage:
    """What a model was asked and what it cost, as this client saw it."""

    requests: int = 0
    replies: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    """Time that requests waited for their replies, summed."""
    engines: dict[str, int] = field(default_factory=dict)
    """Replies per engine."""


class Pool:
    """The engines of ``model``. Belongs to the running event loop. Where its handle has a roster, the client calls
    :meth:`join` and :meth:`give_up` as that changes."""

    def __init__(self, model: str, handle: PoolHandle) -> None:
        self.model = model
        self.settings = handle.settings
        self.usage = Usage()
        self.router = Router([f"{model}/{k}" for k in range(handle.numbers)], handle.settings.requests_per_engine)
        self.engines: dict[int, EngineConnection] = {}
        """By number: of those with the same, the newest."""
        self._connections: list[EngineConnection] = []
        self.roster = handle.roster
        self._over = ""
        self._changed = asyncio.Event()
        self._room: deque[asyncio.Future[None]] = deque()
        self._suspects = asyncio.Lock()
        for engine in handle.engines:
            self._connect(engine)
        self.note()

    def join(self, handle: EngineHandle) -> None:
        """An engine is ready, under a new number or in the place of one that was lost."""
        self._connect(handle)
        self.note()

    def give_up(self, why: str) -> None:
        """No engine is left and none will come, for this reason; none: there are, or may be."""
        self._over = why
        self._changed.set()

    def _connect(self, handle: EngineHandle) -> None:
        connection = EngineConnection(handle, handle.number, self)
        self.engines[handle.number] = connection
        self._connections.append(connection)

    async def ask(self, request: Request) -> list[AnyReply]:
        self.usage.requests += 1
        strikes = 0
        while True:
            engine = await self._engine(request.affinity)
            try:
                if strikes < SUSPECT:
                    return await engine.ask(request)
                async with self._suspects:
                    return await engine.ask_alone(request)
            except EngineDied as death:
                strikes += death.began
            if strikes >= STRIKES:
                self.usage.failed += 1
                raise PromptKillsEngines(f"{strikes} engines of {self.model} died while they answered this prompt")

    async def _engine(self, affinity: str) -> EngineConnection:
        """The engine to ask, once it has room: requests wait here and not in its queue, where an engine that joins
        would not find them."""
        while True:
            if not self.router:
                await self._any()
            position = self.router.choose(affinity)
            if not self.router.full(position):
                return self.engines[position]
            waits = asyncio.get_running_loop().create_future()
            self._room.append(waits)
            await waits

    async def _any(self) -> None:
        """Returns once an engine lives."""
        deadline = time.monotonic() + GONE_S
        while not self.router:
            if self._over or (self.roster is None and all(engine.gone for engine in self.engines.values())):
                raise NoEngineAlive(f"all {len(self.engines)} engines of {self.model} are gone: {self._why()}")
            self._changed.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                raise NoEngineAlive(f"no engine of {self.model} came back within {GONE_S:g} s: {self._why()}") from None

    def _why(self) -> str:
        """Why its engines are gone: the first cause in their logs, as far as they are here, else what the driver and
        Ray say."""
        for engine in self.engines.values():
            if (cause := engine.handle.cause_of_death()) is not None:
                return f"{cause} (log: {engine.handle.log})"
        return self._over or next((engine.why for engine in self.engines.values() if engine.why), "no reason is known")

    def note(self) -> None:
        """An engine came or went."""
        self.router.up([k for k, engine in sorted(self.engines.items()) if engine.up])
        self._changed.set()
        self.make_room()

    def make_room(self) -> None:
        """Requests that wait look for an engine again, as many as there is room for; all of them where none lives."""
        self._wake(self.router.room() if self.router else len(self._room))

    def settled(self, position: int, requests: int) -> None:
        self.router.settled(position, requests)
        self._wake(requests)

    def _wake(self, requests: int) -> None:
        while requests > 0 and self._room:
            waits = self._room.popleft()
            if not waits.done():  # else whoever waited was cancelled
                waits.set_result(None)
                requests -= 1

    def count(self, asked: Asked, engine: str, replies: list[AnyReply]) -> list[AnyReply]:
        usage = self.usage
        price = self.settings.price
        if price is not None:
            replies = [_priced(reply, price) for reply in replies]
        for reply in replies:
            usage.tokens_in += reply.tokens_in
            usage.tokens_out += reply.tokens_out
            usage.tokens_cached += reply.tokens_cached
            usage.cost += reply.cost
        usage.replies += len(replies)
        usage.seconds += time.monotonic() - asked.since
        usage.engines[engine] = usage.engines.get(engine, 0) + len(replies)
        return replies

    def count_failed(self) -> None:
        self.usage.failed += 1

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._connections))


def _priced(reply: AnyReply, price: Price) -> AnyReply:
    return msgspec.structs.replace(reply, cost=price.of(reply.tokens_in, reply.tokens_out))
