"""Imports users' classes by name: ``uses: my_package.module:Name``; steps, verifiers, benchmarks, training methods."""

from __future__ import annotations

import importlib
from typing import Any


def import_object(place: str) -> Any:
    """What ``package.module:name`` names; :class:`ImportError` says which part is missing."""
    module_name, _, name = place.partition(":")
    if not name:
        raise ImportError(f"{place!r} is not of the form package.module:name")
    module = importlib.import_module(module_name)
    if not hasattr(module, name):
        raise ImportError(f"module {module_name} has no {name}")
    return getattr(module, name)
