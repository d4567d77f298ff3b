"""The trainings of a recipe, each by its ``kind``."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from distilray.recipe.errors import Place, Problem, closest, problems_of
from distilray.train import KINDS, TrainSettings


def parse_trainings(items: list[Any], place: Place) -> tuple[list[Any], list[Problem]]:
    """All trainings, and what is wrong with those that could not be parsed."""
    trainings: list[TrainSettings] = []
    problems: list[Problem] = []
    for k, item in enumerate(items):
        here = (*place, k)
        if not isinstance(item, dict):
            problems.append(Problem(here, f"a training is a mapping such as {{kind: sft, student: ...}}, not {item!r:.60}"))
            continue
        kind = item.get("kind", "sft")
        if kind not in KINDS:
            problems.append(Problem((*here, "kind"), f"unknown kind {kind!r}{closest(str(kind), KINDS)}"))
            continue
        try:
            training = KINDS[kind].model_validate(item)
        except ValidationError as error:
            problems.extend(problems_of(error, here, KINDS[kind]))
            continue
        earlier = [other.name for other in trainings]
        if training.name in earlier:
            problems.append(Problem((*here, "name"), f"{training.name!r} is taken by an earlier training; give another"))
        elif training.start_from is not None and training.start_from not in earlier:
            text = f"no earlier training is named {training.start_from!r}{closest(training.start_from, earlier)}"
            problems.append(Problem((*here, "start_from"), text))
        trainings.append(training)
    return trainings, problems
