"""The questions that a recipe evaluates on, handed to the step that keeps them out of its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from distilray.recipe import Recipe, StepEntry
from distilray.runner import NamedStep, sources_identity
from distilray.sources import list_files
from distilray.steps import Decontaminate


def with_questions(recipe: Recipe, entry: StepEntry) -> NamedStep:
    """The step of ``entry``; a ``decontaminate`` compares rows with the questions of every benchmark of ``recipe``,
    each under its benchmark's name, and with its own."""
    step = entry.named.step
    if not isinstance(step, Decontaminate):
        return entry.named
    asked = (
        benchmark.questions().anchored().model_copy(update={"name": benchmark.name}) for benchmark in recipe.evaluate
    )
    return replace(entry.named, step=step.model_copy(update={"against": (*asked, *step.against)}))


def questions_identity(recipe: Recipe, entry: StepEntry) -> list[Any]:
    """What identifies the benchmarks' questions, as JSON, where ``entry`` compares rows with them."""
    if not isinstance(entry.named.step, Decontaminate):
        return []
    identity = []
    for benchmark in recipe.evaluate:
        known = benchmark.questions_id()
        if known is None:
            source = benchmark.questions().anchored()
            known = sources_identity([source], [list_files(source)])
        identity.append([benchmark.name, known])
    return [identity]
