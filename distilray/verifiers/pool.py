"""Verifiers in worker processes, so that no event loop waits for CPU work and no check can block one.

A worker takes a batch of small checks in one message and answers them one by one. The check it is at has a deadline:
past it, the worker is killed and replaced, that check is undecided, and the rest of the batch goes to another. Workers
are plain child processes started on first use (no fork of a process with threads), and die with the thread that
started them. Everything here runs on the event loop that awaits `verify`, in whichever thread that runs.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from distilray.verifiers.messages import LENGTH
from distilray.verifiers.registry import VERIFIERS, verifier_of
from distilray.verifiers.verdict import Verdict, undecided

_BATCH = 32
_LOAD_S = 120.0  # allowed once per worker and kind, for imports on a busy machine
_CLOSED = "the verifier pool was closed"
_SOFT = 0.8  # the share of the deadline after which a check is interrupted inside its worker, which then lives on


@dataclass
class _Check:
    kind: str
    message: bytes
    deadline_s: float
    alone: bool
    future: asyncio.Future[Verdict]


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    loop: asyncio.AbstractEventLoop
    loaded: set[str] = field(default_factory=set)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if not self.loop.is_closed():
            self.writer.transport.abort()


class VerifierPool:
    """`workers` processes that decide checks. One pool serves one event loop at a time; it starts over on another.

    `deadline_s` is the time of one check; a code check has that of its tests instead (`timeout_s` each, `total_s`).
    """

    def __init__(self, workers: int = 1, deadline_s: float = 10.0):
        if workers < 1:
            raise ValueError(f"a verifier pool needs at least one worker, not {workers}")
        self._size = workers
        self._deadline_s = deadline_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[_Check] = deque()
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._lanes: set[asyncio.Task[None]] = set()
        self.replaced = 0  # workers killed or lost so far

    async def verify(self, kind: str, answer: str, reference: Any, **settings: Any) -> Verdict:
        """Decide in a worker. `reference` and `settings` are the arguments of the kind's verifier and must pickle.

        Raises ValueError for an unknown kind; any failure of a check itself is a Verdict.
        """
        own_deadline_s = verifier_of(kind).deadline_s
        self._settle_on(asyncio.get_running_loop())
        deadline_s = own_deadline_s(settings) if own_deadline_s else self._deadline_s
        # A user's own verifier is imported in the worker as it is here.
        path = [] if kind in VERIFIERS else sys.path
        check = (kind, answer, reference, settings, self._deadline_s * _SOFT, path)
        body = pickle.dumps(check, pickle.HIGHEST_PROTOCOL)
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append(
            _Check(kind, LENGTH.pack(len(body)) + body, deadline_s, own_deadline_s is not None, future)
        )
        if len(self._lanes) < self._size:
            lane = asyncio.get_running_loop().create_task(self._work())
            self._lanes.add(lane)
        return await future

    async def close(self) -> None:
        """End all workers; checks still waiting are undecided."""
        lanes = list(self._lanes)
        self.close_now()
        await asyncio.gather(*lanes, return_exceptions=True)

    def close_now(self) -> None:
        """The same without waiting: from the loop's own thread, or once that loop has ended."""
        for lane in self._lanes:
            lane.cancel()
        self._lanes.clear()
        for worker in (*self._idle, *self._busy):
            worker.kill()
        self._idle.clear()
        self._busy.clear()
        while self._waiting:
            _settle(self._waiting.popleft(), undecided(_CLOSED))

    def _settle_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop:
            return
        if self._loop is not None and self._loop.is_running():
            raise RuntimeError("this VerifierPool serves another running event loop; make one pool per loop")
        for worker in (*self._idle, *self._busy):
            worker.kill()
        self._loop, self._idle, self._busy, self._lanes = loop, [], [], set()
        self._waiting.clear()

    async def _work(self) -> None:
        """One lane: a worker, and batches for it until nothing waits."""
        lane = asyncio.current_task()
        assert lane is not None
        try:
            while self._waiting:
                try:
                    worker = await self._take_worker()
                except OSError as error:  # no process available: waiting callers must learn of it
                    self._fail_waiting(error)
                    return
                if await self._serve(worker, self._take_batch()):
                    self._idle.append(worker)
                else:
                    worker.kill()
                    self.replaced += 1
                self._busy.remove(worker)  # a cancelled lane leaves it there, for close_now to kill
        finally:
            # At once, not in a callback: a caller that has its verdict may ask again before callbacks run, and would
            # wait for this lane, which has ended.
            self._lanes.discard(lane)

    def _take_batch(self) -> deque[_Check]:
        """A fair share of what waits; a check with a deadline of its own (code) alone, since it may take long."""
        share = min(_BATCH, -(-len(self._waiting) // self._size))
        batch: deque[_Check] = deque()
        while self._waiting and len(batch) < max(1, share):
            if batch and (batch[0].alone or self._waiting[0].alone):
                break
            check = self._waiting.popleft()
            if not check.future.done():  # its caller may have gone
                batch.append(check)
        return batch

    async def _serve(self, worker: _Worker, batch: deque[_Check]) -> bool:
        """Have `worker` decide `batch`; False if it must not be used again."""
        try:
            worker.writer.write(b"".join(check.message for check in batch))
            while batch:
                check = batch[0]
                extra = 0.0 if check.kind in worker.loaded else _LOAD_S
                try:
                    verdict, retire = await asyncio.wait_for(_reply(worker), check.deadline_s + extra)
                except TimeoutError:
                    verdict, retire = (
                        undecided(f"no verdict within {check.deadline_s:g} s; the verifier was killed"),
                        None,
                    )
                except (asyncio.IncompleteReadError, ConnectionError):
                    verdict, retire = undecided("the verifier died on it"), None
                worker.loaded.add(check.kind)
                _settle(batch.popleft(), verdict)
                if retire is None or retire:
                    return False
            return True
        except asyncio.CancelledError:
            while batch:
                _settle(batch.popleft(), undecided(_CLOSED))
            raise
        finally:
            self._waiting.extendleft(reversed(batch))

    def _fail_waiting(self, error: OSError) -> None:
        while self._waiting:
            future = self._waiting.popleft().future
            if not future.done():
                future.set_exception(error)

    async def _take_worker(self) -> _Worker:
        worker = self._idle.pop() if self._idle else await _start()
        self._busy.append(worker)
        return worker


async def _start() -> _Worker:
    ours, theirs = socket.socketpair()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", f"from distilray.verifiers.worker import main; main({theirs.fileno()})"],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    return _Worker(process, reader, writer, asyncio.get_running_loop())


async def _reply(worker: _Worker) -> tuple[Verdict, bool]:
    head = await worker.reader.readexactly(LENGTH.size)
    return pickle.loads(await worker.reader.readexactly(LENGTH.unpack(head)[0]))


def _settle(check: _Check, verdict: Verdict) -> None:
    if not check.future.done():
        check.future.set_result(verdict)
