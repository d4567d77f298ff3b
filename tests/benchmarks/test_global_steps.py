"""What was planted is found by the steps over the whole set, as the benchmark counts it."""

from __future__ import annotations

import pytest

from benchmarks.global_steps import kind_of, language_of, measure, original_of, similarity

ROWS = 4000


def test_copies_are_of_originals_in_the_same_language_and_as_near_as_they_are_called() -> None:
    copies = [k for k in range(1000, ROWS) if kind_of(k) in ("near", "exact", "decoy")]
    assert all(kind_of(original_of(k)) == "original" and original_of(k) < k for k in copies)
    assert all(language_of(original_of(k)) == language_of(k) for k in copies)
    assert all(similarity(k, original_of(k)) == 1 for k in copies if kind_of(k) == "exact")
    near = [similarity(k, original_of(k)) >= 0.8 for k in copies if kind_of(k) == "near"]
    assert sum(near) > len(near) / 4
    assert sum(similarity(k, original_of(k)) >= 0.8 for k in copies if kind_of(k) == "decoy") <= 2


def test_near_duplicates_are_found_and_nothing_else() -> None:
    figures = measure("deduplicate", ROWS, 0.5)
    assert figures["planted"] > 100
    assert figures["recall"] >= 0.95
    assert figures["false_alarms"] == figures["false_alarms_in_10000"] == figures["keepers_gone"] == 0
    assert figures["peak_bytes"] > 0 and figures["disk_mib"] > 0


def test_questions_are_found_and_nothing_else() -> None:
    figures = measure("decontaminate", ROWS, 0.5)
    assert figures["planted"] == 30
    assert figures["recall"] == 1 and figures["false_alarms"] == 0


@pytest.mark.parametrize("name", ["balance", "find_boilerplate", "select"])
def test_the_other_steps_reject_and_keep(name: str) -> None:
    reasons = measure(name, ROWS, 0.5)["reasons"]
    assert reasons["kept"] > ROWS / 4 and len(reasons) > 1
    assert sum(reasons.values()) == ROWS
