"""The trainings of a recipe: each has a ``kind``, its settings, and ``resources`` of its own.

train:
  - {kind: sft, student: student, epochs: 2, resources: {workers: 8, gpus_per_worker: 1}}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from distilray.recipe.errors import Place, Problem, closest, problems_of
from distilray.train import KINDS, TrainResources, TrainSettings, worker_counts


@dataclass(frozen=True)
class TrainEntry:
    place: Place
    settings: TrainSettings
    resources: TrainResources

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def directory(self) -> str:
        return f"training/{self.settings.name}"

    def document(self) -> dict[str, Any]:
        return {**self.settings.model_dump(mode="json"), "resources": self.resources.model_dump(mode="json")}


def parse_trainings(items: list[Any], place: Place) -> tuple[list[TrainEntry], list[Problem]]:
    """All trainings, and what is wrong with those that could not be parsed."""
    trainings: list[TrainEntry] = []
    problems: list[Problem] = []
    for k, item in enumerate(items):
        here = (*place, k)
        if not isinstance(item, dict):
            problems.append(
                Problem(here, f"a training is a mapping such as {{kind: sft, student: ...}}, not {item!r:.60}")
            )
            continue
        kind = item.get("kind", "sft")
        if kind not in KINDS:
            problems.append(Problem((*here, "kind"), f"unknown kind {kind!r}{closest(str(kind), KINDS)}"))
            continue
        written = {key: value for key, value in item.items() if key != "resources"}
        settings = _parsed(KINDS[kind].settings, written, here, problems)
        resources = _parsed(TrainResources, item.get("resources") or {}, (*here, "resources"), problems)
        if settings is None or resources is None:
            continue
        try:
            worker_counts(settings, resources)
        except ValueError as error:
            problems.append(Problem((*here, "resources"), str(error)))
        earlier = [other.name for other in trainings]
        if settings.name in earlier:
            problems.append(
                Problem((*here, "name"), f"{settings.name!r} is taken by an earlier training; give another")
            )
        elif settings.start_from is not None and settings.start_from not in earlier:
            text = f"no earlier training is named {settings.start_from!r}{closest(settings.start_from, earlier)}"
            problems.append(Problem((*here, "start_from"), text))
        elif settings.start_from is not None:
            before = trainings[earlier.index(settings.start_from)].settings
            if KINDS[before.kind].trains is not KINDS[kind].trains:
                text = f"a training of kind {kind} does not start from one of kind {before.kind}"
                problems.append(Problem((*here, "start_from"), text))
        trainings.append(TrainEntry(here, settings, resources))
    return trainings, problems


def _parsed(model: type[BaseModel], value: Any, place: Place, problems: list[Problem]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems.extend(problems_of(error, place, model))
        return None
