"""What is doubtful about a recipe's trainings, as far as it is known before the run: a line each."""

from __future__ import annotations

import math

from distilray.recipe import Recipe
from distilray.steps import STEPS, Step


def training_doubts(recipe: Recipe, rows: int) -> list[str]:
    """What the training methods warn of in these settings. ``rows``: those of all sources together."""
    most = _most_rows(recipe, rows)
    return [
        f"training {entry.name!r}: {text}"
        for entry in recipe.all_trainings()
        for text in entry.method.warnings(entry.settings, most, at_most=True)
    ]


def _most_rows(recipe: Recipe, rows: int) -> int | None:
    """The most rows that a training could have; None where a user's step may make any number of them."""
    if any(entry.uses not in STEPS for entry in recipe.all_steps()):
        return None
    steps = [entry.named.step for entry in recipe.all_steps()]
    return rows * math.prod(1 + step.most_children for step in steps if isinstance(step, Step))
