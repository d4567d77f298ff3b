"""A runner's way to the engines: one request in, its replies out.

Requests of a few milliseconds go to an engine in one call. When an engine dies, its unanswered requests are sent
elsewhere; answered ones are never repeated. Engines that the driver adds are asked from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, overload

import ray

from distilray.models.client.handles import PoolHandles, engine_of
from distilray.models.client.pool import Pool, Usage
from distilray.models.client.roster import Listing, Roster
from distilray.models.replies import LabelReply, Reply, ScoreReply
from distilray.models.requests import ClassifyRequest, GenerateRequest, Request, ScoreRequest

LOOK_EVERY_S = 1.0
"""How often a client looks for engines that joined."""

log = logging.getLogger(__name__)


class PoolClient:
    """Asks the models of ``handles``. Belongs to the running event loop; close it there."""

    def __init__(self, handles: PoolHandles) -> None:
        self._pools = {name: Pool(name, pool) for name, pool in handles.pools.items()}
        rosters = {pool.roster for pool in handles.pools.values() if pool.roster is not None}
        self._following = [asyncio.get_running_loop().create_task(self._follow(roster)) for roster in rosters]

    @overload
    async def ask(self, model: str, request: GenerateRequest) -> list[Reply]: ...
    @overload
    async def ask(self, model: str, request: ScoreRequest) -> list[ScoreReply]: ...
    @overload
    async def ask(self, model: str, request: ClassifyRequest) -> list[LabelReply]: ...

    async def ask(self, model: str, request: Request) -> Any:
        """``request.n`` replies, or the single answer to a request of another kind.

        Raises :class:`~distilray.models.ModelError` where this request cannot be answered, and
        :class:`~distilray.models.NoEngineAlive` where none can.
        """
        return await self._pools[model].ask(request)

    @property
    def usage(self) -> dict[str, Usage]:
        """Per model, since this client was made."""
        return {name: pool.usage for name, pool in self._pools.items()}

    @property
    def queues(self) -> dict[str, list[int]]:
        """Per model, what this client waits for at each engine."""
        return {name: pool.router.own for name, pool in self._pools.items()}

    def others(self, queues: Mapping[str, Sequence[int]]) -> None:
        """What all other clients together wait for, in the form of :attr:`queues`."""
        for name, requests in queues.items():
            self._pools[name].router.others(requests)
            self._pools[name].make_room()

    async def _follow(self, roster: Roster) -> None:
        seen = 0
        told = False
        while True:
            try:
                if not told:
                    await asyncio.to_thread(roster.follow)
                    told = True
                listing = await asyncio.to_thread(roster.read, seen)
                if listing is not None:
                    await self._take(roster, listing)
                    seen = listing.version
            except ray.exceptions.RayError as error:  # Ray's control service is away for a moment
                log.warning("the roster of engines cannot be read: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _take(self, roster: Roster, listing: Listing) -> None:
        """Connects to the engines that are new in the ``listing`` of ``roster``."""
        for model, pool in self._pools.items():
            if pool.roster != roster:
                continue
            for number, entry in listing.engines.get(model, {}).items():
                known = pool.engines.get(number)
                if known is not None and known.handle.actor_name == entry.actor:
                    continue
                engine = await asyncio.to_thread(engine_of, model, number, entry)
                if engine is not None:
                    pool.join(engine)
            pool.give_up(listing.over.get(model, ""))

    async def close(self) -> None:
        """Cancel what is in flight."""
        for following in self._following:
            following.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    async def __aenter__(self) -> PoolClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()
