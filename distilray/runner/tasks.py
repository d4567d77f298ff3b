"""Remote functions that are called many times: as many at once as the cluster has CPUs.

    with Tasks() as tasks:
        for counts in tasks.map(_write_decisions, [(store, chunk) for chunk in chunks]):
            ...

Each occupies about one CPU, but reserves less, so that one finds room where engines have reserved the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import ray

MOST_AT_ONCE = 256
TOGETHER = 128
"""Units that one task reads or writes, with as many requests at once as a process may have."""
RESERVED: dict[str, Any] = {"num_cpus": 0.5, "max_retries": 3, "scheduling_strategy": "SPREAD"}
"""Options of a remote function that is called so."""

T = TypeVar("T")


class Tasks:
    """Use it as a context: at its end nothing is running any more. Thread-safe."""

    def __init__(self, at_once: int | None = None) -> None:
        self.at_once = at_once or max(1, min(int(ray.cluster_resources().get("CPU", 1)), MOST_AT_ONCE))
        self._threads = ThreadPoolExecutor(self.at_once, "tasks")
        self._running: set[Any] = set()

    def map(self, function: Any, arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """What the remote ``function`` returns for each of ``arguments``, in their order. Raises what it raises."""
        return self._threads.map(lambda these: self._result(function, these), arguments)

    def _result(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        waiting = function.remote(*arguments)
        self._running.add(waiting)
        try:
            return ray.get(waiting)
        finally:
            self._running.discard(waiting)

    def __enter__(self) -> Tasks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for waiting in list(self._running):
            ray.cancel(waiting)
        self._threads.shutdown(wait=True)


def in_groups(items: Sequence[T], size: int = TOGETHER) -> list[Sequence[T]]:
    """``items`` for one task each time, in order."""
    return [items[first : first + size] for first in range(0, len(items), size)]
