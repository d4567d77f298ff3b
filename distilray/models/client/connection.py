"""One engine as a client sees it: requests that wait for its next call, calls in flight, and whether it is alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import ray

from distilray.errors import DistilrayError
from distilray.models.client.handles import EngineHandle
from distilray.models.client.routing import Router
from distilray.models.replies import AnyReply
from distilray.models.requests import Request
from distilray.models.wire import Answer, decode_answers, encode_batch

WINDOW_S = 0.003
BATCH = 128
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
"""Between looks whether an engine that died is back."""


class EngineDied(DistilrayError):
    """The engine died with the request in flight; ``began``: whether the request can have been the cause."""

    def __init__(self, began: bool) -> None:
        self.began = began


@dataclass(slots=True, eq=False)
class Asked:
    """A request and who waits for its replies."""

    request: Request
    future: asyncio.Future[list[AnyReply]]
    since: float


class Owner(Protocol):
    """The pool of which an engine is one."""

    router: Router

    def note(self) -> None:
        """An engine came or went."""
        ...

    def settled(self, position: int, requests: int) -> None:
        """Requests were answered, or lost with their engine."""
        ...

    def count(self, asked: Asked, engine: str, replies: list[AnyReply]) -> list[AnyReply]:
        """Replies as they are handed on."""
        ...

    def count_failed(self) -> None: ...


class EngineConnection:
    """The engine ``handle``, at ``position`` in its pool's router. Belongs to the running event loop."""

    def __init__(self, handle: EngineHandle, position: int, pool: Owner) -> None:
        self.handle = handle
        self.name = handle.name
        self.position = position
        self.up = True
        self.gone = False
        self.why = ""
        self._actor = handle.actor
        self._pool = pool
        self._waiting: list[Asked] = []
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

    def _asked(self, request: Request) -> Asked:
        self._pool.router.sent(self.position, request.n)
        return Asked(request, asyncio.get_running_loop().create_future(), time.monotonic())

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        if batch:
            self._spawn(self._send(batch))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, batch: list[Asked], alone: bool = False) -> None:
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

    def _settle(self, asked: Asked, answer: Answer | list) -> None:
        self._pool.settled(self.position, asked.request.n)
        outcome = answer
        if isinstance(outcome, list):
            replies = self._pool.count(asked, self.name, outcome)
            if not asked.future.done():
                asked.future.set_result(replies)
        else:
            self._pool.count_failed()
            if not asked.future.done():
                asked.future.set_exception(outcome.exception())

    def _fail(self, left: dict[int, Asked], error: Exception) -> None:
        for asked in left.values():
            self._pool.settled(self.position, asked.request.n)
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
        pause = FIRST_PAUSE_S
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
                pause = min(2 * pause, LONGEST_PAUSE_S)
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
