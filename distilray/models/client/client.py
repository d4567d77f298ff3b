"""A runner's way to the engines: one request in, its replies out.

Requests of a few milliseconds go to an engine in one call. When an engine dies, its unanswered requests are sent
elsewhere; answered ones are never repeated.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import msgspec
import ray

from distilray.errors import DistilrayError
from distilray.models.client.pools import EngineHandle, PoolHandle, PoolHandles
from distilray.models.client.routing import Router
from distilray.models.errors import NoEngineAlive, PromptKillsEngines
from distilray.models.replies import AnyReply, LabelReply, Reply, ScoreReply
from distilray.models.requests import ClassifyRequest, GenerateRequest, Request, ScoreRequest
from distilray.models.settings.base import Price
from distilray.models.wire import Answer, decode_answers, encode_batch

WINDOW_S = 0.003
BATCH = 128
SUSPECT = 2
"""Strikes (deaths of an engine while it had the request) from which a request is asked alone."""
STRIKES = 4
GONE_S = 1800.0
"""How long all engines of a model may be down before the run gives up on them."""


class EngineDied(DistilrayError):
    """The engine died with the request in flight; ``began``: whether the request can have been the cause."""

    def __init__(self, began: bool) -> None:
        self.began = began


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


@dataclass(slots=True, eq=False)
class _Asked:
    request: Request
    future: asyncio.Future[list[AnyReply]]
    since: float


class PoolClient:
    """Asks the models of ``handles``. Belongs to the running event loop; close it there."""

    def __init__(self, handles: PoolHandles) -> None:
        self._pools = {name: Pool(name, pool) for name, pool in handles.pools.items()}

    @overload
    async def ask(self, model: str, request: GenerateRequest) -> list[Reply]: ...
    @overload
    async def ask(self, model: str, request: ScoreRequest) -> list[ScoreReply]: ...
    @overload
    async def ask(self, model: str, request: ClassifyRequest) -> list[LabelReply]: ...

    async def ask(self, model: str, request: Request) -> Any:
        """``request.n`` replies, or the single answer to a request of another kind.

        Raises :class:`~distilray.models.ModelError` where this request cannot be answered, and
        :class:`~distilray.models.NoEngineAlive` where none can.
        """
        return await self._pools[model].ask(request)

    @property
    def usage(self) -> dict[str, Usage]:
        """Per model, since this client was made."""
        return {name: pool.usage for name, pool in self._pools.items()}

    @property
    def queues(self) -> dict[str, list[int]]:
        """Per model, what this client waits for at each engine."""
        return {name: pool.router.own for name, pool in self._pools.items()}

    def others(self, queues: Mapping[str, Sequence[int]]) -> None:
        """What all other clients together wait for, in the form of :attr:`queues`."""
        for name, requests in queues.items():
            self._pools[name].router.others(requests)

    async def close(self) -> None:
        """Cancel what is in flight."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    async def __aenter__(self) -> PoolClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


class Pool:
    """The engines of one model, as one client sees them."""

    def __init__(self, model: str, handle: PoolHandle) -> None:
        self.model = model
        self.settings = handle.settings
        self.usage = Usage()
        self.router = Router([engine.name for engine in handle.engines], handle.settings.requests_per_engine)
        self.engines = [EngineConnection(engine, k, self) for k, engine in enumerate(handle.engines)]
        self._changed = asyncio.Event()
        self._suspects = asyncio.Lock()
        self.closed = False

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
        deadline = time.monotonic() + GONE_S
        while not self.router:
            if all(engine.gone for engine in self.engines):
                raise NoEngineAlive(f"all {len(self.engines)} engines of {self.model} are gone: {self._why()}")
            self._changed.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                raise NoEngineAlive(f"no engine of {self.model} came back within {GONE_S:g} s: {self._why()}") from None
        return self.engines[self.router.choose(affinity)]

    def _why(self) -> str:
        """Why its engines are gone: the first cause in their logs, as far as they are here, else what Ray says."""
        for engine in self.engines:
            if (cause := engine.handle.cause_of_death()) is not None:
                return f"{cause} (log: {engine.handle.log})"
        return self.engines[0].why

    def note(self) -> None:
        """An engine came or went."""
        self.router.up([k for k, engine in enumerate(self.engines) if engine.up])
        self._changed.set()

    def count(self, asked: _Asked, engine: str, replies: list[AnyReply]) -> list[AnyReply]:
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

    async def close(self) -> None:
        self.closed = True
        await asyncio.gather(*(engine.close() for engine in self.engines))


def _priced(reply: AnyReply, price: Price) -> AnyReply:
    return msgspec.structs.replace(reply, cost=price.of(reply.tokens_in, reply.tokens_out))


class EngineConnection:
    """One engine: requests that wait for its next call, calls in flight, and whether it is alive."""

    def __init__(self, handle: EngineHandle, position: int, pool: Pool) -> None:
        self.handle = handle
        self.name = handle.name
        self.position = position
        self.up = True
        self.gone = False
        self.why = ""
        self._actor = handle.actor
        self._pool = pool
        self._waiting: list[_Asked] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """Replies that this client waits for."""
        return self._pool.router.own[self.position]

    def ask(self, request: Request) -> asyncio.Future[list[AnyReply]]:
        """Replies, in a call shared with other requests of the same few milliseconds."""
        asked = self._asked(request)
        self._waiting.append(asked)
        if len(self._waiting) >= BATCH:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WINDOW_S, self._flush)
        return asked.future

    def ask_alone(self, request: Request) -> asyncio.Future[list[AnyReply]]:
        """Replies, from an engine that does nothing else meanwhile."""
        asked = self._asked(request)
        self._spawn(self._send([asked], alone=True))
        return asked.future

    def _asked(self, request: Request) -> _Asked:
        self._pool.router.sent(self.position, request.n)
        return _Asked(request, asyncio.get_running_loop().create_future(), time.monotonic())

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        if batch:
            self._spawn(self._send(batch))

    def _spawn(self, work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, batch: list[_Asked], alone: bool = False) -> None:
        left = dict(enumerate(batch))
        began = not alone
        stream = self._actor.answer.remote(encode_batch([asked.request for asked in batch]), alone)
        try:
            async for ref in stream:
                found = decode_answers(await ref)  # raises what ended the stream
                began = True
                for index, answer in found.answers:
                    self._settle(left.pop(index), answer)
                self._pool.router.reported(self.position, found.depth)
        except ray.exceptions.RayActorError as death:
            self._down(death)
            self._fail(left, EngineDied(began))
        except asyncio.CancelledError:
            ray.cancel(stream)
            for asked in left.values():
                asked.future.cancel()
            raise
        except Exception as error:  # a defect of the engine's code, not of the prompts
            self._fail(left, error)
        else:
            assert not left, f"{self.name} left {len(left)} requests unanswered"

    def _settle(self, asked: _Asked, answer: Answer | list) -> None:
        self._pool.router.settled(self.position, asked.request.n)
        outcome = answer
        if isinstance(outcome, list):
            replies = self._pool.count(asked, self.name, outcome)
            if not asked.future.done():
                asked.future.set_result(replies)
        else:
            self._pool.usage.failed += 1
            if not asked.future.done():
                asked.future.set_exception(outcome.exception())

    def _fail(self, left: dict[int, _Asked], error: Exception) -> None:
        for asked in left.values():
            self._pool.router.settled(self.position, asked.request.n)
            if not asked.future.done():
                asked.future.set_exception(error)

    def _down(self, death: Exception) -> None:
        self.why = str(death).strip().splitlines()[0]
        if self.up:
            self.up = False
            self._pool.note()
            self._flush()  # requests that wait for this engine learn of it at once and go elsewhere
            self._spawn(self._probe())

    async def _probe(self) -> None:
        """Polls until the engine is back."""
        pause = 0.2
        while True:
            try:
                await self._actor.ready.remote()
            except ray.exceptions.ActorDiedError as death:
                self.why = str(death).strip().splitlines()[0]
                self.gone = True
                self._pool.note()
                return
            except (ray.exceptions.RayActorError, ray.exceptions.RayTaskError) as error:
                self.why = str(error).strip().splitlines()[-1]
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)
            else:
                self.up = True
                self._pool.note()
                return

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for asked in self._waiting:
            asked.future.cancel()
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
