"""The two runs of ``benchmarks.scale``, small: on the local disk, and far away with a kill at half."""

from __future__ import annotations

import pytest

from benchmarks import record
from benchmarks.scaling.far import DOLLARS

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


def test_a_local_run_tells_what_rows_and_units_cost() -> None:
    found = record.apart("benchmarks.scale", "--one", "--rows", "20000", "--in-flight", "512")
    assert (found["rows"], found["unit_rows"]) == (20_000, 256) and 78 <= found["units"] <= 88
    assert {"driver", "runner"} <= found["processes"].keys()
    assert 0 < found["ledger"]["records"] <= 4


def test_a_run_on_a_store_that_fails_now_and_then_loses_nothing_at_a_kill() -> None:
    found = record.apart("benchmarks.scale", "--one", "--s3", "--rows", "60000", "--in-flight", "512")
    assert found["seconds_to_first_request"]["after_the_kill"] < 90  # of a machine that may be busy
    assert found["units_published_at_the_kill"] < found["units"]
    assert found["requests"]["refused"] > 0 and found["dollars_a_million_rows"] > 0
    assert found["requests"].keys() <= {*DOLLARS, "refused", "cut"}
