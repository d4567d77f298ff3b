"""What can be known beforehand of a training that learns a model's part in one of the recipe's steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distilray.recipe.errors import Problem, closest
from distilray.recipe.steps import StepEntry
from distilray.recipe.trainings import TrainEntry
from distilray.steps import STEPS, Step
from distilray.train import SFTSettings

if TYPE_CHECKING:
    from distilray.recipe.loading import Loaded


def learning_problems(loaded: Loaded, entry: TrainEntry) -> Iterator[Problem]:
    """A step that is not there before the training, has no demonstrations or not of these prompts, or whose columns a
    later step writes over."""
    if not isinstance(entry.settings, SFTSettings) or entry.settings.learn is None:
        return
    learn, here = entry.settings.learn, (*entry.place, "learn")
    before = _steps_before(loaded, entry)
    names = [step.name for step in before]
    if learn.step not in names:
        known = closest(learn.step, names) if names else "; there is none"
        yield Problem((*here, "step"), f"no step {learn.step!r} stands before this training{known}")
        return
    place = names.index(learn.step)
    step = before[place].named.step
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
    for later in before[place + 1 :]:
        changed = sorted(set(later.named.step.columns_written()) & {*step.demonstration_columns, "messages"})
        if changed:
            text = (
                f"step {later.name!r} writes {', '.join(changed)} after {learn.step!r}, so what was asked and replied "
                f"there cannot be told any more; put the training between them, among the steps"
            )
            yield Problem((*here, "step"), text)


def _steps_before(loaded: Loaded, entry: TrainEntry) -> list[StepEntry]:
    flat = loaded.flat()
    end = flat.index(entry) if entry in flat else len(flat)
    return [step for step in flat[:end] if isinstance(step, StepEntry)]
