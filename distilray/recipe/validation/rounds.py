"""Repeats with trainings that would have no effect, or would lose the rows to train on."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.recipe.errors import Problem
from distilray.recipe.repeats import RepeatEntry
from distilray.recipe.schema import Sections
from distilray.recipe.trainings import TrainEntry


def round_problems(recipe: Sections) -> Iterator[Problem]:
    """Repeats with a training that make no sense."""
    for entry in recipe.steps:
        if not isinstance(entry, RepeatEntry) or not entry.trains:
            continue
        if entry.settings.carry_over == "rejected":
            text = (
                "a repeat with a training needs carry_over: kept, so that each round trains and scores all rows; "
                "with carry_over: rejected the rows that a round keeps would leave it"
            )
            yield Problem((*entry.place, "carry_over"), text)
        elif all(isinstance(inner, TrainEntry) for inner in entry.body):
            text = (
                "nothing changes from round to round but the training; add steps such as curriculum_draw and "
                "score_student, or more epochs"
            )
            yield Problem((*entry.place, "steps"), text)
