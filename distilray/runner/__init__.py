"""The runner: brings rows through stages on a Ray cluster, and goes on wherever it was stopped.

What needs Ray loads on first use, so that reading a recipe stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from distilray.runner.context import Budget, Context, Resources, RunStopped
from distilray.runner.sizing import Sizing, size
from distilray.runner.stage import Body, GlobalPass, NamedStep, Phase, Repeat, Stage, Training
from distilray.runner.versions import versions

if TYPE_CHECKING:
    from distilray.runner.asking import Desk, RowModels, Tally
    from distilray.runner.connection import cluster
    from distilray.runner.ingest import run_sources, sources_identity
    from distilray.runner.phase import run_phase
    from distilray.runner.residency import Residency
    from distilray.runner.spending import spent
    from distilray.runner.stages import run_stages

_LATER = {
    "Desk": "asking",
    "RowModels": "asking",
    "Tally": "asking",
    "cluster": "connection",
    "run_sources": "ingest",
    "sources_identity": "ingest",
    "run_phase": "phase",
    "Residency": "residency",
    "spent": "spending",
    "run_stages": "stages",
}

__all__ = [
    "Body",
    "Budget",
    "Context",
    "Desk",
    "GlobalPass",
    "NamedStep",
    "Phase",
    "Repeat",
    "Residency",
    "Resources",
    "RowModels",
    "RunStopped",
    "Sizing",
    "Stage",
    "Tally",
    "Training",
    "cluster",
    "run_phase",
    "run_sources",
    "run_stages",
    "size",
    "sources_identity",
    "spent",
    "versions",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"distilray.runner.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
