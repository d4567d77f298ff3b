"""The questions that a recipe evaluates on, handed to the step that keeps them out of its rows."""

from __future__ import annotations

from dataclasses import replace

from distilray.recipe import Recipe, StepEntry
from distilray.steps import Decontaminate


def with_questions(recipe: Recipe, entry: StepEntry) -> StepEntry:
    """``entry``; a ``decontaminate`` compares rows with the questions of every benchmark of ``recipe``, each under its
    benchmark's name, and with its own."""
    step = entry.named.step
    if not isinstance(step, Decontaminate):
        return entry
    asked = (
        benchmark.questions().anchored().model_copy(update={"name": benchmark.name}) for benchmark in recipe.evaluate
    )
    filled = step.model_copy(update={"against": (*asked, *step.against)})
    return replace(entry, named=replace(entry.named, step=filled))
