"""Steps over the whole set that could not do what they are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from distilray.prompts import TASK_TYPES
from distilray.recipe.errors import Problem, closest
from distilray.recipe.schema import Sections
from distilray.recipe.steps import StepEntry
from distilray.steps import Balance, ClassifyTask, Decontaminate, Label, Step


def set_problems(recipe: Sections) -> Iterator[Problem]:
    """Nothing to decontaminate against; tasks and languages in balance that no row can have."""
    entries = recipe.all_steps()
    for k, entry in enumerate(entries):
        step, here = entry.named.step, (*entry.place, entry.settings_key)
        if isinstance(step, Decontaminate) and not (recipe.evaluate or step.against):
            text = (
                "nothing to compare with: the recipe evaluates on no benchmark; name sources of questions in `against`"
            )
            yield Problem(here, text)
        if isinstance(step, Balance):
            if isinstance(step.shares, Mapping):
                yield from _task_problems(recipe, entries[:k], step.shares, (*here, "shares"))
            yield from _language_problems(recipe, entries[:k], step, (*here, "languages"))


def _task_problems(
    recipe: Sections, earlier: list[StepEntry], shares: Mapping[str, float], here: tuple[str | int, ...]
) -> Iterator[Problem]:
    """Only where the tasks of all rows are known: from their sources, or from the last step that writes them."""
    known = {source.task for source in recipe.sources}
    for entry in earlier:
        step = entry.named.step
        if isinstance(step, Label) and step.into == "task":
            known = set[str | None](step.labels)
        elif isinstance(step, ClassifyTask):
            known = set[str | None](TASK_TYPES)
        elif "task" in step.columns_written():
            known = {None}
    names = {task for task in known if task is not None}
    if None in known:
        return
    for task in shares:
        if task not in names and task != "others":
            yield Problem((*here, task), f"unknown task {task!r}: no row can have it{closest(task, names)}")


def _language_problems(
    recipe: Sections, earlier: list[StepEntry], step: Balance, here: tuple[str | int, ...]
) -> Iterator[Problem]:
    """Only where all sources name their language and no step makes rows in another."""
    there = {source.language for source in recipe.sources}
    makes_rows = any(isinstance(entry.named.step, Step) and entry.named.step.most_children for entry in earlier)
    if None in there or ((makes_rows or step.short == "expand") and there & set(step.languages)):
        return
    for language in step.languages:
        if language not in there:
            found = ", ".join(sorted(language for language in there if language))
            text = f"no source is in {language!r}, only in {found}; add one, or set `short: expand` and localize rows"
            yield Problem(here, text)
