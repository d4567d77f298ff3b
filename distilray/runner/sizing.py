"""How many runners a phase gets, and how many rows each keeps in flight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from distilray.models import ModelSettings
from distilray.runner.admission import Admission
from distilray.runner.context import Resources

ROWS_PER_RUNNER = 1024
"""A runner's loop serves about this many waiting rows before its own work shows in the engines' idle time."""
WITHOUT_MODELS = 256
TICKETS = 2_000
"""Ray Data is sent about as many. Each costs the driver two milliseconds before the first row begins."""
ASSIGNED = 32
"""Units of so many times the rows in flight may be open in a runner: its slowest row may take as many times longer than
most."""


@dataclass(frozen=True)
class Sizing:
    runners: int
    admission: Admission
    """Of each runner."""
    units_assigned: int
    """Units that one runner may have open at once, of many rows or of few that take long: never what bounds it."""
    units_a_ticket: int
    """Units that a runner opens one after another for one ticket of Ray Data."""

    @property
    def rows_in_flight(self) -> int:
        """Of each runner."""
        return self.admission.places


def size(resources: Resources, models: Mapping[str, ModelSettings], units: int) -> Sizing:
    """1.5 x the places of all engines: a row waits at one model at a time, and rows that pass from one model to the
    next must leave no place empty at either."""
    if resources.rows_in_flight == "auto":
        places = sum(model.most_replicas * model.requests_per_engine for model in models.values())
        rows = math.ceil(1.5 * places) or WITHOUT_MODELS
    else:
        rows = resources.rows_in_flight
    runners = math.ceil(rows / ROWS_PER_RUNNER) if resources.runners == "auto" else resources.runners
    runners = max(1, min(runners, units))
    each = max(1, math.ceil(rows / runners))
    # An open unit has a row that is worked on or waits, so no more than `each` units and those just opened are open.
    assigned = min(each, math.ceil(ASSIGNED * each / resources.rows_per_unit)) + 2
    admission = Admission(each, resources.open_mib << 20, resources.rows_per_unit)
    return Sizing(runners, admission, assigned, math.ceil(units / TICKETS))
