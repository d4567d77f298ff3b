"""Replies of judges by their content, kept over runs: the same judge is not asked the same twice, whoever asks.

    cache = ReplyCache("s3://bucket/judged")
    key = cache.key(identity, messages, constraint)       # None for a judge that samples
    await cache.get(key)                                   # None, or the reply

One small file a reply, published whole, below a folder of this node or any place that all nodes reach. The key hashes
the judge's weights (or endpoint and model), its sampling, the messages and the form of the reply: what changes one of
them asks again. A judge with a temperature is never cached, since its replies are draws.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from distilray.errors import MachineryFault
from distilray.models import Constraint, Reply
from distilray.steps import ModelIdentity
from distilray.storage import Store

FOLDER = "judge-replies"


class JudgeCacheFault(MachineryFault):
    """The place where replies of judges are kept cannot be written; the text names it and the remedy."""


class Kept(msgspec.Struct):
    """A reply as it is kept."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


class ReplyCache:
    """Replies below ``place``, a folder or a URI."""

    def __init__(self, place: str) -> None:
        self.store = Store(place)

    def key(
        self, identity: ModelIdentity, messages: Sequence[dict[str, str]], constraint: Constraint | None
    ) -> str | None:
        """The key of a request; None where replies are draws."""
        if identity.sampling.temperature > 0:
            return None
        form = None if constraint is None else [constraint.kind, constraint.value]
        parts: list[Any] = [identity.version, identity.sampling.model_dump(mode="json"), list(messages), form]
        return hashlib.blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=16).hexdigest()

    async def get(self, key: str) -> Kept | None:
        """The reply of ``key``; None where there is none that can be read."""
        return await asyncio.to_thread(self._get, key)

    async def put(self, key: str, reply: Reply) -> None:
        """Keeps ``reply``. Raises :class:`JudgeCacheFault` where that fails."""
        kept = Kept(reply.text, reply.tokens_in, reply.tokens_out, reply.cost)
        await asyncio.to_thread(self._put, key, kept)

    def _get(self, key: str) -> Kept | None:
        try:
            return msgspec.json.decode(self.store.read(_path(key)), type=Kept)
        except (FileNotFoundError, msgspec.MsgspecError):  # a file that something else damaged is written again
            return None

    def _put(self, key: str, kept: Kept) -> None:
        try:
            self.store.write(_path(key), msgspec.json.encode(kept), durable=False)
        except OSError as error:
            raise JudgeCacheFault(
                f"{self.store.shown}: replies of judges cannot be kept there ({error}); name another folder as `cache` "
                "of the judge, or `cache: false`"
            ) from error


def cache_at(place: str | bool) -> ReplyCache | None:
    """The cache at ``place``; True: in the cache folder of this node ($DISTILRAY_CACHE); False: none."""
    if place is False:
        return None
    root = os.environ.get("DISTILRAY_CACHE") or f"{tempfile.gettempdir()}/distilray-cache-{os.getuid()}"
    return _opened(f"{root}/{FOLDER}" if place is True else str(place))


@cache
def _opened(place: str) -> ReplyCache:
    return ReplyCache(place)


def _path(key: str) -> str:
    return f"{key[:2]}/{key}.json"
