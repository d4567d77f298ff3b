"""The trainings of a recipe: each has a ``kind``, its settings, and ``resources`` of its own.

train:
  - {kind: sft, student: student, epochs: 2, resources: {workers: 8, gpus_per_worker: 1}}

Or among its steps, on the rows that are kept there; the steps after it may ask its student under the training's name:

steps:
  - train: {kind: sft, name: learner, student: student, epochs: 1}
  - score_student: {model: learner}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from distilray.recipe.errors import Place, Problem, closest, problems_of
from distilray.train import METHODS, TrainResources, TrainSettings, worker_counts


@dataclass(frozen=True)
class TrainEntry:
    place: Place
    settings: TrainSettings
    resources: TrainResources
    among_steps: bool = False
    """Whether it stands in ``steps``; then its name is a model's name for the steps after it."""

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def directory(self) -> str:
        return f"training/{self.settings.name}"

    def document(self) -> dict[str, Any]:
        return {**self.settings.model_dump(mode="json"), "resources": self.resources.model_dump(mode="json")}


def parse_trainings(
    items: list[Any], place: Place, earlier: Sequence[str] = ()
) -> tuple[list[TrainEntry], list[Problem]]:
    """All trainings of the section ``train``, and what is wrong with those that could not be parsed; ``earlier`` are
    the names of those among the steps."""
    trainings: list[TrainEntry] = []
    problems: list[Problem] = []
    for k, item in enumerate(items):
        names = [*earlier, *(other.name for other in trainings)]
        entry, found = parse_training(item, (*place, k), names)
        problems.extend(found)
        if entry is not None:
            trainings.append(entry)
    return trainings, problems


def parse_training(
    item: Any, here: Place, earlier: Sequence[str], *, among_steps: bool = False, repeated: bool = False
) -> tuple[TrainEntry | None, list[Problem]]:
    """One training; ``repeated``: it stands in a repeat, so that each round may start from what the last one left."""
    if not isinstance(item, dict):
        text = f"a training is a mapping such as {{kind: sft, student: ...}}, not {item!r:.60}"
        return None, [Problem(here, text)]
    kind = item.get("kind", "sft")
    if kind not in METHODS:
        return None, [Problem((*here, "kind"), f"unknown kind {kind!r}{closest(str(kind), METHODS)}")]
    problems: list[Problem] = []
    written = {key: value for key, value in item.items() if key != "resources"}
    settings = _parsed(METHODS[kind].settings, written, here, problems)
    resources = _parsed(TrainResources, item.get("resources") or {}, (*here, "resources"), problems)
    if settings is None or resources is None:
        return None, problems
    try:
        worker_counts(settings, resources)
    except ValueError as error:
        problems.append(Problem((*here, "resources"), str(error)))
    known = [*earlier, settings.name] if repeated else list(earlier)
    if settings.name in earlier:
        problems.append(Problem((*here, "name"), f"{settings.name!r} is taken by an earlier training; give another"))
    elif settings.start_from is not None and settings.start_from not in known:
        own = settings.start_from == settings.name
        hint = "; only in a repeat is there one of the round before" if own else closest(settings.start_from, known)
        problems.append(Problem((*here, "start_from"), f"no earlier training is named {settings.start_from!r}{hint}"))
    return TrainEntry(here, settings, resources, among_steps), problems


def _parsed(model: type[BaseModel], value: Any, place: Place, problems: list[Problem]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems.extend(problems_of(error, place, model))
        return None
