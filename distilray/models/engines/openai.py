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

from distilray.models.engines.base import Engine, EngineInfo, Launch
from distilray.models.engines.openai_body import body, replies_of
from distilray.models.engines.rate_limiter import RateLimiter
from distilray.models.errors import EngineFailed, ModelError, NoEngineAlive, PromptTooLong, RequestTimedOut
from distilray.models.replies import Reply
from distilray.models.requests import GenerateRequest, Request
from distilray.models.settings.openai import OpenAIModel

_LONGEST_PAUSE_S = 60.0


class OpenAIEngine(Engine):
    """The client of one endpoint."""

    holds_memory = False
    settings: OpenAIModel

    def __init__(self, engine: str, settings: OpenAIModel, launch: Launch = Launch()) -> None:  # noqa: B008
        super().__init__(engine, settings, launch)
        self.patience_s = None  # each attempt has its own time-out, and attempts are counted
        self.client = openai.AsyncOpenAI(
            base_url=settings.base_url,
            api_key=launch.secrets.get(settings.api_key_env or "") or "none",
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
            pass  # not every endpoint lists its models; that it answered is enough
        return EngineInfo(self.engine, context=0, vocabulary=0, versions={"openai": openai.__version__})

    async def prompts(self, requests: Sequence[Request]) -> Sequence[dict[str, Any] | ModelError | None]:
        return [self._prompt(request) for request in requests]

    def _prompt(self, request: Request) -> dict[str, Any] | ModelError | None:
        if not isinstance(request, GenerateRequest):
            return None
        if request.tokens is not None:
            return ModelError(f"{self._place()} takes messages, not token ids; use a model of kind vllm here")
        return body(self.settings, request)

    async def generate(self, prompt: dict[str, Any], request: GenerateRequest) -> list[Reply]:
        replies: list[Reply] = []
        while len(replies) < request.n:  # some endpoints return one choice whatever n is
            seed = _seed(request, len(replies))
            completion = await self._complete({**prompt, "n": request.n - len(replies), "seed": seed})
            replies += replies_of(completion, first=not replies)
        return replies[: request.n]

    async def _complete(self, prompt: dict[str, Any]) -> ChatCompletion:
        """One successful call. Passing failures are retried; a fault of the prompt is raised as its error."""
        attempt = failures = 0
        gone_at = time.monotonic() + self.settings.gone_after_s
        while True:
            async with self._slots:
                await self._allowed(prompt)
                self.attempts += 1
                try:
                    completion = await self.client.chat.completions.create(**prompt)
                except openai.APIConnectionError as lost:  # time-outs are such errors too
                    error, pause = lost, None
                except openai.APIStatusError as refusal:
                    if refusal.status_code not in (408, 409, 429) and refusal.status_code < 500:
                        raise self._final(refusal) from None
                    error, pause = refusal, _retry_after(refusal)
                else:
                    self._tokens.add(_tokens(completion) - _expected_tokens(prompt))
                    return completion
                self._tokens.add(-_expected_tokens(prompt))
            attempt += 1
            if not _nobody_is_served(error):
                failures += 1
                if failures > self.settings.max_retries:
                    kind = RequestTimedOut if isinstance(error, openai.APITimeoutError) else ModelError
                    raise kind(f"{self._place()} failed {failures} times, last: {_message(error)}")
            elif time.monotonic() > gone_at:
                raise NoEngineAlive(
                    f"{self._place()} served no request for {self.settings.gone_after_s:g} s, last: {_message(error)}"
                )
            if pause is not None:  # the endpoint named a time: no request goes out before it
                self._closed_until = max(self._closed_until, time.monotonic() + pause)
            else:
                await asyncio.sleep(random.uniform(0.5, 1) * min(0.25 * 2 ** min(attempt, 20), _LONGEST_PAUSE_S))

    async def _allowed(self, prompt: dict[str, Any]) -> None:
        await self._requests.wait()
        await self._tokens.wait(_expected_tokens(prompt))
        while (closed := self._closed_until - time.monotonic()) > 0:
            await asyncio.sleep(closed * random.uniform(1, 1.1))

    def _final(self, refusal: openai.APIStatusError) -> Exception:
        message = _message(refusal)
        # Gateways that moderate prompts answer 403 to a single one of them.
        if refusal.status_code in (401, 404) or (refusal.status_code == 403 and not self.replies):
            return NoEngineAlive(f"{self._place()} refuses every request: {refusal.status_code} {message}")
        if refusal.code == "context_length_exceeded" or "context length" in message:
            return PromptTooLong(f"{self._place()}: {message}")
        return ModelError(f"{self._place()} refused the prompt: {refusal.status_code} {message}")

    def _place(self) -> str:
        return f"{self.settings.model} at {self.settings.base_url}"

    def stats(self) -> dict[str, Any]:
        return {**super().stats(), "attempts": self.attempts}


def _nobody_is_served(error: openai.OpenAIError) -> bool:
    """Whether the endpoint throttles or is out of reach: no fault of this request, which is repeated until it is
    served."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code == 429
    return not isinstance(error, openai.APITimeoutError)


def _seed(request: GenerateRequest, sample: int) -> int:
    """Endpoints differ in the size of a seed; 31 bits suit all."""
    return (request.seed + sample) % 2**31


def _retry_after(refusal: openai.APIStatusError) -> float | None:
    """Seconds that the endpoint asks us to wait."""
    try:
        return float(refusal.response.headers["retry-after"])
    except (KeyError, ValueError):  # absent, or a date, which no known endpoint sends
        return None


def _message(error: openai.OpenAIError) -> str:
    if isinstance(error, openai.APIStatusError) and isinstance(error.body, dict) and "message" in error.body:
        return str(error.body["message"])
    return str(error)


def _expected_tokens(prompt: dict[str, Any]) -> int:
    """Before the endpoint has counted: three bytes per token, an overestimate for English and about right for
    Chinese.
    """
    size = len(json.dumps(prompt["messages"], ensure_ascii=False).encode())
    return size // 3 + prompt["n"] * prompt.get("max_tokens", 0)


def _tokens(completion: ChatCompletion) -> int:
    return completion.usage.total_tokens if completion.usage else 0
