"""What every kind of engine does: take a batch of asks, answer each as soon as it is known.

An engine is an async Ray actor. Replies that end together travel together, but none waits for the rest of its batch.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from distilray.errors import DistilrayError
from distilray.models.api import EngineInfo, ModelError, NoEngineAlive, Reply, RequestTimedOut
from distilray.models.engines.read_write_lock import ReadWriteLock
from distilray.models.wire import Answer, Ask, Batch, Fault, decode_batch, encode_answers


class EngineFailed(DistilrayError):
    """An engine could not start; the text says why and where its log is."""


class Engine:
    """Base of the engine actors. A kind says how it starts, prepares a batch of prompts and answers one of them."""

    def __init__(self, engine: str, settings: Any, faults: str = "") -> None:
        self.engine = engine
        self.settings = settings
        self.patience_s: float | None = settings.request_timeout_s
        self.kill_on: str | None = json.loads(faults).get("kill_engine_on") if faults else None
        self.started = time.monotonic()
        self.replies = self.tokens_in = self.tokens_out = self.running = 0
        self._gate = ReadWriteLock()

    async def ready(self) -> EngineInfo:
        """Wait until the engine can answer; :class:`EngineFailed` if it never will."""
        raise NotImplementedError

    async def prompts(self, batch: Batch) -> Sequence[Any | ModelError]:
        """What :meth:`reply` needs of each ask, made for the whole batch at once; an error fails that ask alone."""
        raise NotImplementedError

    async def reply(self, prompt: Any, batch: Batch, ask: Ask) -> list[Reply]:
        """One reply per sample, or :class:`ModelError`."""
        raise NotImplementedError

    async def answer(self, payload: bytes, alone: bool = False) -> AsyncIterator[bytes]:
        """Answers of a batch, a list whenever some are there. ``alone``: nothing else runs meanwhile, and an empty
        list says that the batch has begun, so that the death of the engine can be put down to it."""
        async with self._gate.alone() if alone else self._gate.together():
            if alone:
                yield encode_answers([])
            batch = decode_batch(payload)
            self._kill_if_told(batch)
            arrived = asyncio.Event()
            done: list[asyncio.Task[Answer]] = []

            def finished(task: asyncio.Task[Answer]) -> None:
                done.append(task)
                arrived.set()

            self.running += len(batch.asks)
            tasks: list[asyncio.Task[Answer]] = []
            try:
                prompts = await self.prompts(batch)
                tasks += [
                    asyncio.create_task(self._one(index, prompt, batch, ask))
                    for index, (prompt, ask) in enumerate(zip(prompts, batch.asks, strict=True))
                ]
                for task in tasks:
                    task.add_done_callback(finished)
                left = len(tasks)
                while left:
                    await arrived.wait()
                    await asyncio.sleep(0)  # what ended in the same engine step wakes in this turn of the loop
                    arrived.clear()
                    now, done = done, []
                    left -= len(now)
                    yield encode_answers([task.result() for task in now])
            finally:
                self.running -= len(batch.asks)
                for task in tasks:
                    task.cancel()

    async def _one(self, index: int, prompt: Any, batch: Batch, ask: Ask) -> Answer:
        try:
            if isinstance(prompt, ModelError):
                raise prompt
            async with asyncio.timeout(self.patience_s):
                replies = await self.reply(prompt, batch, ask)
        except TimeoutError:
            await self.suspect_hang()
            return index, Fault.of(RequestTimedOut(f"no reply within {self.patience_s:g} s"))
        except (ModelError, NoEngineAlive) as error:
            return index, Fault.of(error)
        self.replies += len(replies)
        self.tokens_in += replies[0].tokens_in
        self.tokens_out += sum(reply.tokens_out for reply in replies)
        return index, replies

    async def suspect_hang(self) -> None:
        """A request ran out of time: an engine that hangs should say so by dying."""

    def stats(self) -> dict[str, Any]:
        """What this engine did since it last started."""
        return {
            "engine": self.engine,
            "pid": os.getpid(),
            "uptime_s": time.monotonic() - self.started,
            "running": self.running,
            "replies": self.replies,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
        }

    def _kill_if_told(self, batch: Batch) -> None:
        """For tests only: ``DISTILRAY_FAULTS='{"kill_engine_on": TEXT}'`` kills an engine that is asked about TEXT."""
        if self.kill_on and any(self.kill_on in message["content"] for ask in batch.asks for message in ask.messages):
            os._exit(13)
