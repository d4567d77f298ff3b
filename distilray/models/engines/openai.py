"""A model behind an OpenAI-compatible endpoint: one actor for the whole run, so that its limits hold over the run."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from distilray.models.api import EngineInfo, ModelError, NoEngineAlive, PromptTooLong, Reply, RequestTimedOut
from distilray.models.engines.base import Engine, EngineFailed
from distilray.models.engines.openai_body import body, replies_of
from distilray.models.engines.rate_limiter import RateLimiter
from distilray.models.settings import OpenAIModel
from distilray.models.wire import Ask, Batch

_LONGEST_PAUSE_S = 60.0


class OpenAIEngine(Engine):
    """The client of one endpoint."""

    settings: OpenAIModel

    def __init__(self, engine: str, settings: OpenAIModel, faults: str = "", api_key: str = "") -> None:
        super().__init__(engine, settings, faults)
        self.patience_s = None  # each attempt has its own time-out, and attempts are counted
        self.client = openai.AsyncOpenAI(
            base_url=settings.base_url,
            api_key=api_key or "none",
            max_retries=0,  # its own retries know nothing of the other requests in flight
            timeout=settings.request_timeout_s,
        )
        self.attempts = 0
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._requests = RateLimiter(settings.requests_per_minute)
        self._tokens = RateLimiter(settings.tokens_per_minute)
        self._closed_until = 0.0

    async def ready(self) -> EngineInfo:
        try:
            await self.client.models.list(timeout=30)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise EngineFailed(f"{self._place()} does not accept the key: {_message(error)}") from None
        except openai.APIConnectionError as error:
            raise EngineFailed(f"{self._place()} does not answer: {error.__cause__ or error}") from None
        except openai.APIStatusError:
            pass  # not every endpoint lists its models; it answered, and that is enough
        return EngineInfo(self.engine, context=0, vocabulary=0, versions={"openai": openai.__version__})

    async def prompts(self, batch: Batch) -> Sequence[dict[str, Any]]:
        return [body(self.settings, batch, ask) for ask in batch.asks]

    async def reply(self, prompt: dict[str, Any], batch: Batch, ask: Ask) -> list[Reply]:
        replies: list[Reply] = []
        while len(replies) < ask.n:  # some endpoints give one choice whatever n says
            completion = await self._complete({**prompt, "n": ask.n - len(replies), "seed": _seed(ask, len(replies))})
            replies += replies_of(completion, first=not replies)
        return replies[: ask.n]

    async def _complete(self, prompt: dict[str, Any]) -> ChatCompletion:
        """One successful call. What passes with time is repeated; what is wrong with the prompt is its error."""
        error: openai.OpenAIError | None = None
        for attempt in range(self.settings.max_retries + 1):
            async with self._slots:
                await self._allowed(prompt)
                self.attempts += 1
                try:
                    completion = await self.client.chat.completions.create(**prompt)
                except (openai.APIConnectionError, openai.APITimeoutError) as lost:
                    error, pause = lost, None
                except openai.APIStatusError as refusal:
                    if refusal.status_code not in (408, 409, 429) and refusal.status_code < 500:
                        raise self._final(refusal) from None
                    error, pause = refusal, _retry_after(refusal)
                else:
                    self._tokens.add(_tokens(completion) - _expected_tokens(prompt))
                    return completion
                self._tokens.add(-_expected_tokens(prompt))
            if pause is not None:  # the endpoint told us when: nobody asks before
                self._closed_until = max(self._closed_until, time.monotonic() + pause)
            else:
                await asyncio.sleep(random.uniform(0.5, 1) * min(0.5 * 2**attempt, _LONGEST_PAUSE_S))
        kind = RequestTimedOut if isinstance(error, openai.APITimeoutError) else ModelError
        raise kind(f"{self._place()} failed {self.settings.max_retries + 1} times, last: {_message(error)}")

    async def _allowed(self, prompt: dict[str, Any]) -> None:
        await self._requests.wait()
        await self._tokens.wait(_expected_tokens(prompt))
        while (closed := self._closed_until - time.monotonic()) > 0:
            await asyncio.sleep(closed * random.uniform(1, 1.1))

    def _final(self, refusal: openai.APIStatusError) -> Exception:
        message = _message(refusal)
        if refusal.status_code in (401, 403, 404):
            return NoEngineAlive(f"{self._place()} refuses every request: {refusal.status_code} {message}")
        if refusal.code == "context_length_exceeded" or "context length" in message:
            return PromptTooLong(f"{self._place()}: {message}")
        return ModelError(f"{self._place()} refused the prompt: {refusal.status_code} {message}")

    def _place(self) -> str:
        return f"{self.settings.model} at {self.settings.base_url}"

    def stats(self) -> dict[str, Any]:
        return {**super().stats(), "attempts": self.attempts}


def _seed(ask: Ask, sample: int) -> int:
    """Endpoints differ in how long a seed may be; 31 bits suit all."""
    return (ask.seed + sample) % 2**31


def _retry_after(refusal: openai.APIStatusError) -> float | None:
    """Seconds that the endpoint asks us to wait."""
    try:
        return float(refusal.response.headers["retry-after"])
    except (KeyError, ValueError):  # absent, or a date, which no known endpoint sends
        return None


def _message(error: openai.OpenAIError | None) -> str:
    if isinstance(error, openai.APIStatusError) and isinstance(error.body, dict) and "message" in error.body:
        return str(error.body["message"])
    return str(error)


def _expected_tokens(prompt: dict[str, Any]) -> int:
    """Before the endpoint has counted: three bytes a token, which is much for English and about right for Chinese."""
    size = len(json.dumps(prompt["messages"], ensure_ascii=False).encode())
    return size // 3 + prompt["n"] * prompt.get("max_tokens", 0)


def _tokens(completion: ChatCompletion) -> int:
    return completion.usage.total_tokens if completion.usage else 0
