"""Token files pass through a pool of engines: Ray Data hands names of files to askers, counts come back.

As in a phase, text never passes through the driver; one file in, one file out, and what is there already is not asked
again. What is asked of each file, an asker's kind says: a teacher's scores, or the student's own answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from distilray.models import PoolClient, PoolHandles
from distilray.storage import Store

ASKER_CPUS = 0.25
C = TypeVar("C")


class Asker:
    """A light actor that asks the pool of one model about one file after another, all rows of a file at once."""

    def __init__(self, store: Store, model: str, handles: PoolHandles, *arguments: Any) -> None:
        self.store, self.model, self.handles = store, model, handles
        self.prepare(*arguments)
        pool = handles.pools[model].settings
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True, name="asker").start()
        rows = int(1.5 * pool.replicas * pool.concurrency) + 1
        self.client, self.gate = asyncio.run_coroutine_threadsafe(self._open(rows), self.loop).result()

    def prepare(self, *arguments: Any) -> None:
        """Takes what else this kind of asker is told."""

    async def unit(self, path: str, key: str) -> Any:
        """Asks about the token file ``path`` and publishes what comes, marked with ``key``; returns its counts."""
        raise NotImplementedError

    async def _open(self, rows: int) -> tuple[PoolClient, asyncio.Semaphore]:
        return PoolClient(self.handles), asyncio.Semaphore(rows)

    async def __call__(self, batch: Mapping[str, Any]) -> AsyncIterator[dict[str, list[Any]]]:
        for path, key in zip(batch["path"], batch["key"], strict=True):
            # Work runs on a loop of its own: a blocking put in Ray's loop cannot stall it.
            work = asyncio.run_coroutine_threadsafe(self.unit(str(path), str(key)), self.loop)
            counts = await asyncio.wrap_future(work)
            yield {"path": [path], "counts": [msgspec.json.encode(counts)]}


def ask_about(
    asker: type[Asker],
    counts: type[C],
    store: Store,
    model: str,
    handles: PoolHandles,
    keys: Mapping[str, str],
    *more: Any,
) -> Iterator[tuple[str, C]]:
    """Path and counts of each token file in ``keys`` (path to the mark of how it is made), as they are done."""
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext

    data = DataContext.get_current()
    data.enable_progress_bars = False
    data.print_on_execution_start = False
    units = [{"path": path, "key": key} for path, key in keys.items()]
    done = ray.data.from_items(units, override_num_blocks=len(units)).map_batches(
        asker,
        fn_constructor_args=(store, model, handles, *more),
        batch_size=1,
        compute=ActorPoolStrategy(size=1, max_tasks_in_flight_per_actor=3, max_concurrent_calls_per_actor=2),
        num_cpus=ASKER_CPUS,
    )
    for result in done.iter_rows():
        yield result["path"], msgspec.json.decode(result["counts"], type=counts)
