"""A real HTTP server on loopback that speaks the OpenAI chat API and misbehaves as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from distilray.models import GenerateRequest, OpenAIModel, Reply
from distilray.models.engines.openai import OpenAIEngine
from distilray.models.wire import decode_answers, encode_batch


def completion(body: dict, *texts: str, **message) -> web.Response:
    """A reply of one choice per text; a token is a word."""
    choices = [
        {"index": k, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
        for k, text in enumerate(texts)
    ]
    words_in = sum(len(turn["content"].split()) for turn in body["messages"])
    words_out = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": words_in, "completion_tokens": words_out, "total_tokens": words_in + words_out}
    return web.json_response(
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices, "usage": usage}
    )


def refusal(status: int, message: str = "no", code: str | None = None, **headers: str) -> web.Response:
    body = {"error": {"message": message, "type": "error", "code": code}}
    return web.json_response(body, status=status, headers=headers)


class Endpoint:
    """``behave(body, k)`` answers the k-th call (from 0); calls and their times are kept."""

    def __init__(self, behave: Callable[[dict, int], web.Response | Awaitable[web.Response]]) -> None:
        self.behave = behave
        self.bodies: list[dict] = []
        self.times: list[float] = []
        self.in_flight = self.most_in_flight = 0

    async def _chat(self, http: web.Request) -> web.Response:
        body = json.loads(await http.text())
        self.bodies.append(body)
        self.times.append(time.monotonic())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answer = self.behave(body, len(self.bodies) - 1)
            return await answer if isinstance(answer, Awaitable) else answer
        finally:
            self.in_flight -= 1

    def ask(self, *requests: GenerateRequest, **settings) -> list[list[Reply] | Exception]:
        """What an engine for this endpoint makes of ``requests``, in their order."""
        return asyncio.run(self._ask(requests, settings))

    async def _ask(self, requests: tuple[GenerateRequest, ...], settings: dict) -> list[list[Reply] | Exception]:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        model = OpenAIModel(kind="openai", base_url=f"http://127.0.0.1:{port}/v1", model="m", **settings)
        engine = OpenAIEngine("m/0", model)
        try:
            answers = {}
            async for payload in engine.answer(encode_batch(requests)):
                answers.update(decode_answers(payload).answers)
            return [a if isinstance(a := answers[k], list) else a.exception() for k in range(len(requests))]
        finally:
            await engine.client.close()
            await runner.cleanup()
