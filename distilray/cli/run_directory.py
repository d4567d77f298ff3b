"""The run directory that a command reads."""

from __future__ import annotations

from distilray.cli.exit_codes import UsageError
from distilray.storage import Store


def existing_run(directory: str) -> Store:
    """The store of a run that exists; :class:`UsageError` otherwise."""
    store = Store.reach(directory)
    if not store.exists("run.json"):
        raise UsageError(f"{store.shown} is not a run directory (it has no run.json); `distilray run RECIPE` makes one")
    return store
