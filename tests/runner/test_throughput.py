"""What a progress line says of speed and of the time that is left."""

import pytest

from distilray.runner.throughput import WINDOW_S, Throughput


def test_before_a_row_has_ended_nothing_is_foretold():
    pace = Throughput()
    assert pace.eta_s(100) is None
    pace.add(10.0, 0, {"teacher": 0})
    pace.add(12.0, 0, {"teacher": 80})
    assert pace.eta_s(100) is None
    assert pace.tokens_per_s("teacher") == 40.0


def test_what_is_left_takes_as_long_as_what_was_done():
    pace = Throughput()
    pace.add(10.0, 0, {})
    pace.add(30.0, 25, {})
    assert pace.eta_s(100) == 60.0
    assert pace.eta_s(20) == 0.0  # more ended than was expected: a unit's rows are an average


def test_tokens_are_those_of_the_last_seconds():
    pace = Throughput()
    for second in range(0, 121, 2):
        pace.add(float(second), 1, {"teacher": 10 * max(0, second - 60)})  # a minute of starting, then 10 a second
    assert pace.tokens_per_s("teacher") == pytest.approx(10.0)
    assert pace.tokens_per_s("judge") == 0.0
    assert len(pace._seen) <= WINDOW_S / 2 + 2


def test_a_model_that_begins_later_counts_from_nothing():
    pace = Throughput()
    pace.add(0.0, 0, {})
    pace.add(10.0, 5, {"judge": 50})
    assert pace.tokens_per_s("judge") == 5.0
