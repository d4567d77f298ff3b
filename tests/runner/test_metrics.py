"""Counters grow by what is new of totals that are told again and again; rows are those beyond what was there before."""

from __future__ import annotations

from distilray.ledger import StepCounts
from distilray.runner import METRICS
from distilray.runner.metrics import OF_MODELS, Totals, outcomes_since


def test_a_counter_grows_by_what_is_new() -> None:
    totals = Totals()
    assert [totals.new(("rows", "check"), total) for total in (10, 10, 25)] == [10, 0, 15]
    assert totals.new(("rows", "judge"), 7) == 7


def test_a_total_that_falls_takes_nothing_back_and_goes_on_from_there() -> None:
    totals = Totals()
    assert [totals.new(("tokens",), total) for total in (100, 60, 90)] == [100, 0, 30]


def test_rows_are_those_of_this_session_and_those_that_a_step_made_count_in_the_next_one() -> None:
    before = {"expand": StepCounts("expand", rows_in=4, created=2, kept=6)}
    now = [
        StepCounts("expand", rows_in=10, created=8, kept=17, rejected=1),
        StepCounts("check", rows_in=17, kept=9, failed=8),
    ]
    assert outcomes_since(now, before) == {
        "expand": {"kept": 5, "rejected": 1, "failed": 0},
        "check": {"kept": 9, "rejected": 0, "failed": 8},
    }


def test_names_say_whose_they_are_and_only_what_grows_is_called_total() -> None:
    from ray.util.metrics import Counter

    for name, metric in METRICS.items():
        assert name.startswith("distilray_") and metric.text, name
        assert name.endswith("_total") == (metric.kind is Counter), name
    assert set(OF_MODELS.values()) <= METRICS.keys()
