"""One pass of units through actors that ask engines: Ray Data hands out references, counts come back.

Text never passes through the driver: file names go out, counts come back. A phase sends its
units through row runners (:mod:`distilray.runner.phases`); a training sends its token files through a
:class:`UnitAsker`, which asks one pool about every row of a file and publishes the replies as one file.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import ray.data
from ray.data import ActorPoolStrategy, DataContext, ExecutionResources

from distilray.models import PoolClient, PoolHandles
from distilray.storage import Store

ASKER_CPUS = 0.25
C = TypeVar("C")


def pass_units(
    actor: type,
    arguments: Sequence[Any],
    units: Sequence[Mapping[str, Any]],
    *,
    actors: int,
    cpus: float,
    units_in_flight: int,
    limits: ExecutionResources | None = None,
    spread: bool = False,
) -> Iterator[dict[str, Any]]:
    """What ``actors`` actors of class ``actor`` return about each of ``units``, as units are done.

    ``cpus`` and ``units_in_flight`` are those of one actor; ``limits`` is what Ray Data may plan with, and ``spread``
    places the actors on as many nodes as there are.
    """
    data = DataContext.get_current()
    data.enable_progress_bars = False
    data.print_on_execution_start = False
    if limits is not None:
        data.execution_options.resource_limits = limits
    placement: dict[str, Any] = {"ray_remote_args_fn": lambda: {"scheduling_strategy": "SPREAD"}} if spread else {}
    dataset = ray.data.from_items(list(units), override_num_blocks=len(units)).map_batches(
        actor,
        fn_constructor_args=tuple(arguments),
        batch_size=1,
        compute=ActorPoolStrategy(
            size=actors,
            max_tasks_in_flight_per_actor=units_in_flight + 1,
            max_concurrent_calls_per_actor=units_in_flight,
        ),
        num_cpus=cpus,
        **placement,
    )
    yield from dataset.iter_rows()


class UnitAsker:
    """A light actor that asks the pool of one model about one file after another, all rows of a file at once.

    Subclasses define in :meth:`unit` what is asked, and receive their other arguments in :meth:`prepare`.
    """

    def __init__(self, store: Store, model: str, handles: PoolHandles, *arguments: Any) -> None:
        self.store, self.model, self.handles = store, model, handles
        self.prepare(*arguments)
        pool = handles.pools[model].settings
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True, name="asker").start()
        rows = int(1.5 * pool.most_replicas * pool.requests_per_engine) + 1
        self.client, self.gate = asyncio.run_coroutine_threadsafe(self._open(rows), self.loop).result()

    def prepare(self, *arguments: Any) -> None:
        """Takes the arguments that :func:`ask_units` was given beyond those of every asker."""

    async def unit(self, path: str, key: str) -> Any:
        """Asks about the file at ``path`` and publishes the result, marked with ``key``; returns its counts."""
        raise NotImplementedError

    async def _open(self, rows: int) -> tuple[PoolClient, asyncio.Semaphore]:
        return PoolClient(self.handles), asyncio.Semaphore(rows)

    async def __call__(self, batch: Mapping[str, Any]) -> AsyncIterator[dict[str, list[Any]]]:
        for path, key in zip(batch["path"], batch["key"], strict=True):
            # Work runs on a loop of its own: a blocking put in Ray's loop cannot stall it.
            work = asyncio.run_coroutine_threadsafe(self.unit(str(path), str(key)), self.loop)
            counts = await asyncio.wrap_future(work)
            yield {"path": [path], "counts": [msgspec.json.encode(counts)]}


def ask_units(
    asker: type[UnitAsker],
    counts: type[C],
    store: Store,
    model: str,
    handles: PoolHandles,
    keys: Mapping[str, str],
    *more: Any,
    units_in_flight: int = 2,
) -> Iterator[tuple[str, C]]:
    """Path and counts of each file in ``keys`` (path to the mark of how its result is made), as they are done."""
    units = [{"path": path, "key": key} for path, key in keys.items()]
    arguments = (store, model, handles, *more)
    for result in pass_units(asker, arguments, units, actors=1, cpus=ASKER_CPUS, units_in_flight=units_in_flight):
        yield result["path"], msgspec.json.decode(result["counts"], type=counts)
