"""What a plan says is doubtful about a recipe's trainings, from the rows that its sources have."""

from __future__ import annotations

import pytest

from distilray.planning import training_doubts
from distilray.recipe import parse
from distilray.steps import STEPS, Step

RECIPE = """
models: {student: {path: some/model}}
sources: [{name: pairs, path: pairs.jsonl}]
train:
  - {kind: dpo, student: student, batch_size: 8, max_steps: 40}
"""


def doubts(rows: int, *overrides: str) -> list[str]:
    return training_doubts(parse(RECIPE, "r.yaml", overrides), rows)


def test_more_than_three_passes_are_told_from_the_rows_of_the_sources() -> None:
    (told,) = doubts(80)
    assert told.startswith("training 'dpo': at least 4.0 passes over at most 80 rows memorise them; take 1 to 3")
    assert doubts(160) == []


def test_epochs_are_told_however_many_rows_there_are() -> None:
    (told,) = doubts(80, "train.dpo.max_steps=null", "train.dpo.epochs=5")
    assert told.startswith("training 'dpo': 5.0 passes over at most 80 rows")
    assert doubts(80, "train.0={kind: sft, student: student, epochs: 9}") == []


def test_steps_that_make_rows_of_rows_leave_fewer_passes() -> None:
    pairs = "steps=[{align_trace: {judge: student, rewriter: student}}, {cognitive_pairs: {model: student}}]"
    assert doubts(80, pairs) == []  # up to 240 pairs and the rows themselves
    (told,) = doubts(20, pairs)
    assert "4.0 passes over at most 80 rows" in told


def test_nothing_is_counted_behind_a_step_that_may_make_any_number() -> None:
    assert doubts(8, "steps=[{uses: 'tests.support.own_steps:Shout'}]") == []


MAKERS = {"cognitive_pairs": 3, "expand": 16, "follow_up": 1, "localize": 16}
"""Steps that make rows of rows, and the most of one."""


@pytest.mark.parametrize("name", [name for name, cls in STEPS.items() if issubclass(cls, Step)])
def test_only_these_steps_make_rows(name: str) -> None:
    cls = STEPS[name]
    assert issubclass(cls, Step) and cls.most_children == MAKERS.get(name, 0)
