"""Groups of rows that take turns: rows of one group run side by side, those of different groups never."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable


class Turns:
    """Belongs to one event loop. Groups come in the order of their first row that waits; while one waits, no further
    row joins the group whose turn it is."""

    def __init__(self) -> None:
        self._current: Hashable = None
        self._inside = 0
        self._waiting: OrderedDict[Hashable, list[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def of(self, group: Hashable) -> AsyncIterator[None]:
        if self._inside and (self._waiting or group != self._current):
            await self._turn(group)
        else:
            self._current = group
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    async def _turn(self, group: Hashable) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, []).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it had come
                self._leave()
            raise

    def _leave(self) -> None:
        self._inside -= 1
        while not self._inside and self._waiting:
            self._current, turns = self._waiting.popitem(last=False)
            for turn in turns:
                if not turn.done():
                    self._inside += 1
                    turn.set_result(None)
