"""How many runners a phase gets, and how many rows each keeps in flight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from distilray.models import ModelSettings
from distilray.runner.context import Resources

ROWS_PER_RUNNER = 1024
"""A runner's loop serves about this many waiting rows before its own work shows in the engines' idle time."""
WITHOUT_MODELS = 256


@dataclass(frozen=True)
class Sizing:
    runners: int
    rows_in_flight: int
    """Of each runner."""
    units_in_flight: int
    """Of each runner: enough that a unit's slowest rows do not leave the engines waiting for the next."""


def size(resources: Resources, models: Mapping[str, ModelSettings], units: int) -> Sizing:
    """1.5 x replicas x requests of the largest pool: a row waits at one model at a time, and the largest must stay
    full."""
    if resources.rows_in_flight == "auto":
        rows = max(
            (math.ceil(1.5 * model.replicas * model.requests_per_engine) for model in models.values()),
            default=WITHOUT_MODELS,
        )
    else:
        rows = resources.rows_in_flight
    runners = math.ceil(rows / ROWS_PER_RUNNER) if resources.runners == "auto" else resources.runners
    runners = max(1, min(runners, units))
    each = max(1, math.ceil(rows / runners))
    return Sizing(runners, each, math.ceil(each / resources.unit_rows) + 1)
