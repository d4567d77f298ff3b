"""A step that fails on most of its first rows stops the run, with samples."""

from __future__ import annotations

from typing import Any

from distilray.runner.admission import Admission
from distilray.runner.context import Budget
from distilray.runner.crowd import Crowd
from distilray.runner.failing import EARLY, failing


def report(failed: int, kept: int, *errors: str, step: str = "judge") -> dict[str, Any]:
    return {"outcomes": {step: {"kept": kept, "rejected": 0, "failed": failed}}, "failures": {step: list(errors)}}


def test_what_most_rows_fail_of_is_told_over_all_runners_with_samples() -> None:
    found = failing([report(60, 2, "BadReply: a", "BadReply: b"), report(50, 8, "BadReply: c", "d")], Budget())
    assert found is not None
    assert found.startswith("step judge failed on 110 of its first 120 rows, such as: BadReply: a | BadReply: b | ")
    assert "BadReply: c" in found and " d" not in found and "budget.failed_share (0.5)" in found


def test_few_rows_few_failures_and_a_share_that_is_allowed_stop_nothing() -> None:
    assert failing([], Budget()) is None
    assert failing([report(EARLY - 1, 0, "x")], Budget()) is None
    assert failing([report(EARLY // 2, EARLY // 2, "x")], Budget()) is None
    assert failing([report(90, 10, "x")], Budget(failed_share=0.9)) is None
    assert failing([report(1000, 0, "x")], Budget(failed_share=1)) is None


def test_every_step_counts_by_itself() -> None:
    assert failing([report(0, 900, step="answer"), report(EARLY, 0, "x")], Budget()) is not None


def test_a_runner_keeps_the_first_errors_of_a_step() -> None:
    crowd = Crowd(Admission(4, 1 << 20, 4))
    for k in range(5):
        crowd.saw("judge", "failed", f"error {k}")
    crowd.saw("judge", "kept", "none")
    assert crowd.outcomes == {"judge": {"kept": 1, "rejected": 0, "failed": 5}}
    assert crowd.failures == {"judge": ["error 0", "error 1", "error 2"]}
