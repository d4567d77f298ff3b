"""What a stage of a run is given, without a driver around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distilray.ledger import Lease
from distilray.runner import Budget, Context, Resources
from distilray.storage import Store


@contextmanager
def context_on(store: Store, unit_rows: int = 256) -> Iterator[Context]:
    """A context for the run in ``store``, which is leased as long."""
    with Lease.acquire(store, note="tests") as lease:
        yield Context(store, lease, Resources(unit_rows=unit_rows), Budget())
