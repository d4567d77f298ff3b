"""The steps of a recipe: ours by their name, a user's by ``uses``, and repeats of both.

steps:
  - answer: {model: teacher}
  - check                                  # all settings at their defaults
  - uses: my_package.steps:Shout
    name: shout
    with: {how_loud: 3}
  - repeat: {rounds: 3, carry_over: rejected, steps: [{answer: {model: teacher}}, check]}
  - train: {kind: sft, name: learner, student: student, epochs: 1}     # see distilray.recipe.trainings
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from distilray.recipe.errors import Place, Problem, closest, problems_of
from distilray.recipe.schema import RepeatSettings
from distilray.recipe.trainings import TrainEntry, parse_training
from distilray.runner import NamedStep
from distilray.steps import STEPS, GlobalStep, StepClass, step_class


@dataclass(frozen=True)
class StepEntry:
    place: Place
    named: NamedStep
    uses: str
    """The name of one of our steps, or ``package:Class``."""

    @property
    def name(self) -> str:
        return self.named.name

    @property
    def is_global(self) -> bool:
        return isinstance(self.named.step, GlobalStep)

    def document(self) -> dict[str, Any]:
        settings = self.named.step.model_dump(mode="json", exclude_none=True)
        if self.uses in STEPS:
            return {self.uses: {"name": self.name, **settings}}
        return {"uses": self.uses, "name": self.name, "with": settings}


@dataclass(frozen=True)
class RepeatEntry:
    place: Place
    settings: RepeatSettings
    body: tuple[StepEntry | TrainEntry, ...]

    @property
    def name(self) -> str:
        return self.settings.name

    def document(self) -> dict[str, Any]:
        settings = self.settings.model_dump(mode="json", exclude_none=True)
        return {"repeat": {**settings, "steps": [documented(entry) for entry in self.body]}}

    @property
    def trains(self) -> bool:
        return any(isinstance(entry, TrainEntry) for entry in self.body)

    @property
    def stall(self) -> float | None:
        """Share of change at which the rounds end; None: they do not, since rows are not what a training changes."""
        default = None if self.trains else 0.0
        return default if self.settings.stall is None else self.settings.stall


Entry = StepEntry | RepeatEntry | TrainEntry


def documented(entry: Entry) -> dict[str, Any]:
    """``entry`` as a recipe writes it among its steps."""
    return {"train": entry.document()} if isinstance(entry, TrainEntry) else entry.document()


@dataclass
class _Taken:
    """Names that are given already."""

    steps: Counter[str] = field(default_factory=Counter)
    trainings: list[str] = field(default_factory=list)


def parse_entries(items: list[Any], place: Place) -> tuple[list[Entry], list[Problem]]:
    """All entries, and what is wrong with those that could not be parsed."""
    return _entries(items, place, _Taken(), inside_repeat=False)


def _entries(items: list[Any], place: Place, taken: _Taken, inside_repeat: bool) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    for k, item in enumerate(items):
        here = (*place, k)
        match item:
            case str():
                key, settings, uses, name = item, {}, None, None
            case {"uses": uses, **rest}:
                unknown = set(rest) - {"name", "with"}
                if unknown:
                    problems.append(
                        Problem(here, f"unknown key {min(unknown)!r}; a step that you bring has uses, name, with")
                    )
                    continue
                key, settings, name = str(uses), dict(rest.get("with") or {}), rest.get("name")
            case dict() if len(item) == 1:
                [(key, value)] = item.items()
                if value is not None and not isinstance(value, dict):
                    problems.append(
                        Problem((*here, key), f"settings are a mapping such as {{model: teacher}}, not {value!r}")
                    )
                    continue
                settings, uses = dict(value or {}), None
                name = settings.pop("name", None) if key not in ("repeat", "train") else None
            case _:
                problems.append(Problem(here, f"a step is `name: {{settings}}`, not {item!r:.60}"))
                continue
        entry: Entry | None
        if key == "repeat":
            entry, found = _repeat(settings, (*here, "repeat"), taken, inside_repeat)
        elif key == "train" and uses is None:
            names = taken.trainings
            entry, found = parse_training(settings, (*here, "train"), names, among_steps=True, repeated=inside_repeat)
            if entry is not None:
                names.append(entry.name)
        else:
            inner = (*here, "with") if uses else (*here, key)
            entry, found = _step(str(key), settings, name, uses is not None, here, inner, taken)
        problems.extend(found)
        if entry is not None:
            entries.append(entry)
    return entries, problems


def _step(
    key: str,
    settings: dict[str, Any],
    name: str | None,
    brought: bool,
    here: Place,
    inner: Place,
    taken: _Taken,
) -> tuple[StepEntry | None, list[Problem]]:
    cls: StepClass
    if brought:
        try:
            cls = step_class(key)
        except (ImportError, TypeError) as error:
            return None, [Problem((*here, "uses"), f"{error}; it must be importable where the driver runs")]
    elif key in STEPS:
        cls = STEPS[key]
    else:
        return None, [Problem(here, f"unknown step {key!r}{closest(key, STEPS)} (your own: `uses: package:Class`)")]
    try:
        step = cls.model_validate(settings)
    except ValidationError as error:
        return None, problems_of(error, inner, cls)
    name = str(name or key.rpartition(":")[2])
    taken.steps[name] += 1
    if taken.steps[name] > 1:
        name = f"{name}-{taken.steps[name]}"
    return StepEntry(here, NamedStep(name, step), key), []


def _repeat(
    settings: dict[str, Any], place: Place, taken: _Taken, inside: bool
) -> tuple[RepeatEntry | None, list[Problem]]:
    if inside:
        return None, [Problem(place, "a repeat inside a repeat is not possible; write its steps into the outer one")]
    try:
        parsed = RepeatSettings.model_validate(settings)
    except ValidationError as error:
        return None, problems_of(error, place, RepeatSettings)
    taken.steps[parsed.name] += 1
    if taken.steps[parsed.name] > 1:
        parsed = parsed.model_copy(update={"name": f"{parsed.name}-{taken.steps[parsed.name]}"})
    body, problems = _entries(parsed.steps, (*place, "steps"), taken, inside_repeat=True)
    entry = RepeatEntry(place, parsed, tuple(inner for inner in body if not isinstance(inner, RepeatEntry)))
    return entry, [*problems, *_round_problems(entry)]


def _round_problems(entry: RepeatEntry) -> list[Problem]:
    """What a repeat with a training cannot mean."""
    if not entry.trains:
        return []
    if entry.settings.carry_over == "rejected":
        text = (
            "a repeat that holds a training needs carry_over: kept, so that each round trains and scores all rows; "
            "with carry_over: rejected the rows that a round keeps would leave it"
        )
        return [Problem((*entry.place, "carry_over"), text)]
    if all(isinstance(inner, TrainEntry) for inner in entry.body):
        text = (
            "nothing changes from round to round but the training; add steps such as curriculum_draw and "
            "score_student, or more epochs"
        )
        return [Problem((*entry.place, "steps"), text)]
    return []
