"""A tiny model, requests to it, and a client of one pool, for tests of engines and of the model client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from distilray.models import GenerateRequest, PoolClient, PoolHandles, Sampling
from tests.support.checkpoints import make_byte_model

T = TypeVar("T")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a tiny random Qwen2 with a byte-level tokenizer that vLLM loads."""
    return make_byte_model(tmp_path_factory.mktemp("tiny-model"))


def request(
    text: str, *, n: int = 1, seed: int = 1, constraint=None, affinity: str = "", **sampling
) -> GenerateRequest:
    """A request of one user message."""
    messages = [{"role": "user", "content": text}]
    return GenerateRequest(messages, Sampling(**sampling), seed, affinity or text, n, constraint)


def with_client(handles: PoolHandles, work: Callable[[PoolClient], Awaitable[T]]) -> T:
    """What ``work`` makes of a client of ``handles``."""

    async def run() -> T:
        async with PoolClient(handles) as client:
            return await work(client)

    return asyncio.run(run())
