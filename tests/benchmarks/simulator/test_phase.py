"""The simulator: its clock, its yardstick, and what the policies do where replies take very different times."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.simulator.clock import simulated
from benchmarks.simulator.phase import Load, Phase, Simulated
from benchmarks.simulator.schedule import first_come_first_served
from distilray.runner.context import Resources


def test_virtual_time_costs_none() -> None:
    async def sleepers() -> float:
        await asyncio.gather(*(asyncio.sleep(3600 * k) for k in range(3)))
        return asyncio.get_running_loop().time()

    assert simulated(sleepers()) == 7200


def test_a_wait_that_cannot_end_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="waits for another"):
        simulated(asyncio.Event().wait())


def test_the_yardstick_by_hand() -> None:
    one = [[("m", seconds)] for seconds in (3.0, 1.0, 1.0, 1.0)]
    assert first_come_first_served(one, {"m": 2}) == 3.0
    assert first_come_first_served(one, {"m": 1}) == 6.0
    # The second row's reply from b can begin at 2 only, behind the first row's.
    two = [[("a", 1.0), ("b", 1.0)], [("a", 0.5), ("b", 1.0)]]
    assert first_come_first_served(two, {"a": 1, "b": 1}) == 3.0


def phase(load: Load, **resources: int) -> Simulated:
    return simulated(Phase(load, Resources(**resources)).run())


@pytest.mark.parametrize(
    "load",
    [
        Load(6400, {"m": 1}),
        Load(6400, {"m": 1}, sigma=1.0),
        Load(3200, {"m": 1}, least_calls=1, most_calls=7),
        Load(6400, {"a": 1, "b": 1}, least_calls=2, most_calls=2),
        Load(6400, {"m": 4}, places=64),
    ],
    ids=["sigma 0.8", "sigma 1.0", "loops", "two models", "four engines"],
)
def test_places_stay_busy_until_the_last_row_and_no_time_is_lost(load: Load) -> None:
    found = phase(load)
    assert max(found.busy_until_last_row.values()) >= 0.95
    assert found.ratio <= 1.05


def test_rows_in_flight_that_are_too_few_show() -> None:
    """The simulator sees a bad setting: its figures are not true whatever the policy."""
    found = phase(Load(6400, {"m": 1}), rows_in_flight=128)
    assert found.busy_until_last_row["m"] < 0.55 and found.ratio > 1.5
