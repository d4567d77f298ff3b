"""A proxy before an S3-compatible server that is as slow and as unreliable as one far away.

    with FaultyStore("127.0.0.1:9000", delay_s=0.03, refused=0.01, cut=0.001) as proxy:
        Store(f"s3://bucket/run?scheme=http&endpoint_override={proxy.address}&region=us-east-1")

Each request waits ``delay_s``; a share ``refused`` is answered 503 SlowDown, and of a share ``cut`` the connection is
cut, half of the time after the server has done what was asked. Requests are counted by method and by what became of
them.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from types import TracebackType

import aiohttp
from aiohttp import web
from yarl import URL

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "expect"}


class FaultyStore:
    """Runs in a thread of its own between ``__enter__`` and ``__exit__``."""

    def __init__(self, server: str, *, delay_s: float = 0.0, refused: float = 0.0, cut: float = 0.0, seed: int = 0):
        self.server = server
        self.delay_s, self.refused, self.cut = delay_s, refused, cut
        self.requests: Counter[str] = Counter()
        """Method, or ``LIST``, to requests; ``refused`` and ``cut`` of all of them."""
        self.down = False
        """While true, every connection is cut before anything is done."""
        self.address = ""
        self._draws = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> FaultyStore:
        self._thread.start()
        self._ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = "{}:{}".format(*runner.addresses[0][:2])
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            self._ready.set()
            await self._stopped.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        await asyncio.sleep(self.delay_s)
        self.requests["LIST" if "list-type" in request.query else request.method] += 1
        fate = self._draws.random()
        late = self._draws.random() < 0.5
        if self.down or (fate < self.cut and not late):
            return self._cut(request)
        if self.cut <= fate < self.cut + self.refused:
            self.requests["refused"] += 1
            return web.Response(status=503, body=SLOW_DOWN, content_type="application/xml")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP - ENCODING}
        target = URL(f"http://{self.server}{request.raw_path}", encoded=True)
        async with self._session.request(
            request.method, target, headers=headers, data=body, allow_redirects=False
        ) as answer:
            found = await answer.read()
            if fate < self.cut:
                return self._cut(request)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            if request.method == "HEAD" and "Content-Length" in answer.headers:
                kept["Content-Length"] = answer.headers["Content-Length"]
            return web.Response(status=answer.status, headers=kept, body=None if request.method == "HEAD" else found)

    def _cut(self, request: web.Request) -> web.Response:
        self.requests["cut"] += 1
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


ENCODING = {"content-encoding"}
"""Of a request it is part of the object."""
