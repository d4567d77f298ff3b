"""A lock for asyncio: many holders at once, or a single one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class ReadWriteLock:
    """``shared()`` admits many at once, ``exclusive()`` one alone, and later callers wait behind it."""

    def __init__(self) -> None:
        self._inside = 0
        self._exclusive = False
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        if self._exclusive:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._exclusive)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if self._exclusive:
                async with self._changed:
                    self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._exclusive)
            self._exclusive = True
            try:
                await self._changed.wait_for(lambda: self._inside == 0)
            except asyncio.CancelledError:
                self._exclusive = False
                self._changed.notify_all()
                raise
        try:
            yield
        finally:
            async with self._changed:
                self._exclusive = False
                self._changed.notify_all()
