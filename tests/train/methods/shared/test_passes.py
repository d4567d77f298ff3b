"""Preference trainings that go over the same rows too often are warned of by whoever knows how many rows there are."""

from __future__ import annotations

from typing import Any

import pytest

from distilray.train import SFTSettings, method_named, parse_settings
from distilray.train.methods.shared.passes import too_many_passes
from tests.support.pairs import settings


@pytest.mark.parametrize(
    ("length", "rows", "told"),
    [
        ({"epochs": 4, "max_steps": None}, 160, "4.0 passes over 160 rows"),
        ({"epochs": 4, "max_steps": None}, None, "4.0 passes over the rows"),
        ({"max_steps": 40}, 160, "4.0 passes over 160 rows"),
        ({"max_steps": 40}, None, None),
        ({"max_steps": 20, "holdout": 0.5, "evaluate_every": 5}, 160, "4.0 passes over 160 rows"),
        ({"max_steps": 30}, 160, None),
        ({"epochs": 3, "max_steps": None}, 160, None),
    ],
)
def test_more_than_three_passes_are_warned_of(length: dict[str, Any], rows: int | None, told: str | None) -> None:
    found = too_many_passes(settings(**length), rows)
    assert [text.partition(" memorise")[0] for text in found] == ([told] if told else [])


def test_a_bound_on_the_rows_is_said_as_one() -> None:
    (told,) = too_many_passes(settings(max_steps=400), 1600, at_most=True)
    assert told == ("at least 4.0 passes over at most 1,600 rows memorise them; take 1 to 3 (max_steps), or more rows")


@pytest.mark.parametrize("kind", ["dpo", "simpo", "kto"])
def test_every_preference_method_warns(kind: str) -> None:
    chosen = parse_settings({"kind": kind, "student": "x", "epochs": 5})
    assert len(method_named(kind).warnings(chosen, None)) == 1


def test_fine_tuning_may_take_as_many_as_it_likes() -> None:
    assert method_named("sft").warnings(SFTSettings(student="x", epochs=10), 100) == []
