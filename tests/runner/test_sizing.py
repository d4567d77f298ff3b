"""How the work of a phase is divided among runners."""

from __future__ import annotations

import pytest

from distilray.models import EchoModel
from distilray.runner import Resources, size


@pytest.mark.parametrize(("units", "each"), [(1, 1), (2_000, 1), (2_001, 2), (10_000, 5), (61_036, 31)])
def test_tickets_do_not_grow_with_the_units(units: int, each: int) -> None:
    assert size(Resources(), {"m": EchoModel()}, units).units_a_ticket == each


def test_rows_are_divided_among_runners_and_units_do_not_bound_them() -> None:
    sizing = size(Resources(), {"m": EchoModel(replicas=4, concurrency=1024)}, 10_000)
    assert (sizing.runners, sizing.rows_in_flight) == (6, 1024)
    assert sizing.units_assigned * Resources().rows_per_unit > sizing.rows_in_flight
