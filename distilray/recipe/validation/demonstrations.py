"""Trainings that learn a model's part in one of the recipe's steps: that step must have demonstrations to learn."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.recipe.errors import Problem, closest
from distilray.recipe.schema import Sections
from distilray.recipe.steps import StepEntry
from distilray.recipe.trainings import TrainEntry
from distilray.steps import STEPS, Step


def demonstration_problems(recipe: Sections, entry: TrainEntry) -> Iterator[Problem]:
    """A step that does not come before the training, has no demonstrations or none of these prompts, or whose columns
    a later step overwrites."""
    learn, here = entry.settings.demonstrations, (*entry.place, "learn")
    if learn is None:
        return
    before = _steps_before(recipe, entry)
    names = [step.name for step in before]
    if learn.step not in names:
        known = closest(learn.step, names) if names else "; there is none"
        yield Problem((*here, "step"), f"no step {learn.step!r} comes before this training{known}")
        return
    position = names.index(learn.step)
    step = before[position].named.step
    if not isinstance(step, Step) or not step.has_demonstrations():
        have = ", ".join(name for name, cls in STEPS.items() if issubclass(cls, Step) and cls.has_demonstrations())
        text = (
            f"step {learn.step!r} has no demonstrations of what its models replied; {have} have "
            "(for a step of your own see Step.demonstrations)"
        )
        yield Problem((*here, "step"), text)
        return
    prompts = {prompt.name for prompt in step.prompts_used()}
    for name in learn.prompts:
        if name not in prompts:
            yield Problem((*here, "prompts"), f"step {learn.step!r} has no prompt {name!r}{closest(name, prompts)}")
    for later in before[position + 1 :]:
        changed = sorted(set(later.named.step.columns_written()) & {*step.demonstration_columns, "messages"})
        if changed:
            text = (
                f"step {later.name!r} writes {', '.join(changed)} after {learn.step!r}, so its requests and replies "
                "can no longer be recovered; move the training between the two, among the steps"
            )
            yield Problem((*here, "step"), text)


def _steps_before(recipe: Sections, entry: TrainEntry) -> list[StepEntry]:
    flat = recipe.flat()
    end = next((k for k, other in enumerate(flat) if other.place == entry.place), len(flat))
    return [step for step in flat[:end] if isinstance(step, StepEntry)]
