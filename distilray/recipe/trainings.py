"""A training of a recipe; its ``kind`` decides which settings it has.

train:
  - {kind: sft, student: blank, epochs: 3, resources: {workers: 2}}

    train=[SFTSettings(student="blank", epochs=3)]
    train=[TrainEntry(SFTSettings(student="blank", epochs=3), TrainResources(workers=2))]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ValidationError

from distilray.recipe.errors import Problem, closest, problems_of, refusal
from distilray.recipe.locations import Place
from distilray.train import (
    DEFAULT_KIND,
    METHODS,
    TrainingMethod,
    TrainResources,
    TrainSettings,
    method_of,
    settings_as_written,
    worker_counts,
)


@dataclass(frozen=True)
class TrainEntry:
    settings: TrainSettings
    resources: TrainResources = field(default_factory=TrainResources)
    place: Place = field(default=(), compare=False)

    @cached_property
    def method(self) -> TrainingMethod:
        """The training method that ``kind`` or ``uses`` names."""
        return method_of({"kind": self.settings.kind, "uses": self.settings.uses})

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def directory(self) -> str:
        return f"training/{self.settings.name}"

    def document(self) -> dict[str, Any]:
        return {**self.settings.model_dump(mode="json"), "resources": self.resources.model_dump(mode="json")}


def parse_training(item: Any) -> TrainEntry:
    """One training, in any form that a recipe may have it. Raises pydantic's ``ValidationError``."""
    match item:
        case TrainSettings():
            entry = _brought(TrainEntry(item))
        case TrainEntry():
            entry = _brought(item)
        case dict():
            entry = _from_mapping(item)
        case _:
            text = f"a training is a mapping such as {{kind: sft, student: ...}}, not {item!r:.60}"
            raise refusal([Problem((), text)])
    try:
        worker_counts(entry.settings, entry.resources)
    except ValueError as error:
        raise refusal([Problem(("resources",), str(error))]) from error
    return entry


def _brought(entry: TrainEntry) -> TrainEntry:
    """``entry``, whose settings are an object, if a method uses them."""
    try:
        method = entry.method
    except (KeyError, ImportError, TypeError) as error:
        text = f"no training method for {type(entry.settings).__name__}: {error}; name yours by uses='package:Class'"
        raise refusal([Problem((), text)]) from error
    if not isinstance(entry.settings, method.settings):
        expected = method.settings.__name__
        raise refusal([Problem((), f"its method takes {expected}, not {type(entry.settings).__name__}")])
    return entry


def _from_mapping(item: dict[str, Any]) -> TrainEntry:
    kind = item.get("kind", DEFAULT_KIND)
    if item.get("uses") is None and kind not in METHODS:
        raise refusal([Problem(("kind",), f"unknown kind {kind!r}{closest(str(kind), METHODS)}")])
    try:
        method = method_of(item)
        written = settings_as_written(method, item)
    except (ImportError, TypeError) as error:
        raise refusal([Problem(("uses",), f"{error}; it must be importable where the driver runs")]) from error
    except ValueError as error:
        raise refusal([Problem((), str(error))]) from error
    problems: list[Problem] = []
    settings = _parsed(method.settings, written, (), problems)
    resources = _parsed(TrainResources, item.get("resources") or {}, ("resources",), problems)
    if problems:
        raise refusal(problems)
    return TrainEntry(settings, resources)


def _parsed(model: type[BaseModel], value: Any, place: Place, problems: list[Problem]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems.extend(problems_of(error, place, model))
        return None


def training_problems(entry: TrainEntry, earlier: Sequence[TrainEntry], *, repeated: bool = False) -> list[Problem]:
    """What is wrong with a training's names, given the ``earlier`` trainings. ``repeated``: it is in a repeat, so each
    round may start from the result of the round before."""
    settings, names = entry.settings, [other.name for other in earlier]
    if settings.name in names:
        text = f"{settings.name!r} is taken by an earlier training; choose another name"
        return [Problem((*entry.place, "name"), text)]
    text = _start_problem(settings, earlier, repeated)
    return [] if text is None else [Problem((*entry.place, "start_from"), text)]


def _start_problem(settings: TrainSettings, earlier: Sequence[TrainEntry], repeated: bool) -> str | None:
    """Why a training cannot start where ``start_from`` says."""
    own, starts = settings.name, settings.starts
    known = [other.name for other in earlier]
    if own in starts and not repeated:
        return f"no earlier training is named {own!r}; only in a repeat is there one of the round before"
    if len(starts) > 1 and starts[0] != own:
        return (
            f"two names are for a training in a repeat: first its own ({own!r}), whose result of the round before it "
            f"goes on from, then where the first round starts; write one name, or [{own}, {starts[0]}]"
        )
    allowed = {own, settings.student} if len(starts) > 1 else {own}
    for name in starts:
        if name not in allowed and name not in known:
            return f"no earlier training is named {name!r}{closest(name, known)}"
    trained = [other.name for other in earlier if other.settings.student == settings.student]
    if starts == (own,) and trained:
        return (
            f"in the first round {own!r} has no result yet and would start at {settings.student!r}, not where "
            f"{trained[-1]!r} has brought it; write [{own}, {trained[-1]}] to start from that, or "
            f"[{own}, {settings.student}] to start at the untrained one"
        )
    return None
