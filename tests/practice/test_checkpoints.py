"""The packaged models fit the prompts of today, are small, and do what their cards say."""

from __future__ import annotations

import math

import pytest

from distilray.practice.checkpoints import CHECKPOINTS, card, stale
from distilray.practice.roles import CURRICULA, PLATEAU_ROWS

ROLES = list(CURRICULA)
LEAST = {
    "teacher": {"answer": 0.95},
    "judge": {
        "judge/right": 0.95,
        "judge/wrong": 0.93,
        "rate_trace": 0.98,
        "shorten_trace": 0.95,
        "extend_trace": 0.95,
    },
    "student_converged": {"conversation": 0.93},
}


@pytest.mark.parametrize("role", ROLES)
def test_the_checkpoint_was_trained_on_todays_wordings(role: str) -> None:
    """Where this fails, prompts or the world changed: run the command in the message (teacher first)."""
    problem = stale(CHECKPOINTS / role)
    assert problem is None, problem


def test_a_changed_wording_is_noticed_and_names_the_command(tmp_path) -> None:
    text = (CHECKPOINTS / "judge" / "card.json").read_text("utf-8")
    wording = card(CHECKPOINTS / "judge")["wordings"]["rate_trace"]
    (tmp_path / "card.json").write_text(text.replace(wording, "0" * 12), "utf-8")
    assert "rate_trace; train it again: distilray practice train judge" in (stale(tmp_path) or "")


@pytest.mark.parametrize("role", ROLES)
def test_the_checkpoint_is_a_few_megabytes(role: str) -> None:
    assert sum(file.stat().st_size for file in (CHECKPOINTS / role).iterdir()) < 4_000_000


@pytest.mark.parametrize("role", LEAST)
def test_the_card_records_what_is_asked_of_the_role(role: str) -> None:
    measured = card(CHECKPOINTS / role)["held_out"]
    assert {name: measured[name] for name, least in LEAST[role].items() if measured[name] < least} == {}


def test_the_warm_student_has_room_to_grow() -> None:
    assert card(CHECKPOINTS / "student_warm")["held_out"]["conversation"] <= 0.3


def test_further_steps_do_not_make_the_converged_student_better() -> None:
    first, *further = card(CHECKPOINTS / "student_converged")["further_steps"]
    assert first["steps"] == 0 and [after["steps"] for after in further] == [100, 200]
    error = math.sqrt(2 * first["conversation"] * (1 - first["conversation"]) / PLATEAU_ROWS)
    assert max(after["conversation"] for after in further) < first["conversation"] + 2 * error
