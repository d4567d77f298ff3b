"""A step of a recipe: a built-in one by its name, or a user's by ``uses``; in Python also the object itself.

steps:
  - answer: {model: teacher}
  - check                                  # all settings at their defaults
  - uses: my_package.steps:Shout
    name: shout
    with: {how_loud: 3}

    steps=[Answer(model="teacher"), "check", ("shout", Shout(how_loud=3))]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from distilray.recipe.errors import Problem, closest, problems_of, refusal
from distilray.recipe.locations import Place
from distilray.runner import NamedStep
from distilray.steps import STEPS, GlobalStep, Step, StepClass, step_class


@dataclass(frozen=True)
class StepEntry:
    named: NamedStep
    uses: str
    """The name of a built-in step, or ``package:Class``."""
    place: Place = field(default=(), compare=False)

    @property
    def name(self) -> str:
        return self.named.name

    @property
    def is_global(self) -> bool:
        return isinstance(self.named.step, GlobalStep)

    @property
    def settings_key(self) -> str:
        """The key of its settings below its place in the YAML."""
        return self.uses if self.uses in STEPS else "with"

    def document(self) -> dict[str, Any]:
        settings = settings_document(self.named.step)
        if self.uses in STEPS:
            return {self.uses: {"name": self.name, **settings}}
        return {"uses": self.uses, "name": self.name, "with": settings}


def settings_document(model: BaseModel) -> dict[str, Any]:
    """Settings as JSON values, without those that are None by default."""
    fields = type(model).model_fields
    values = model.model_dump(mode="json")
    return {name: value for name, value in values.items() if value is not None or fields[name].default is not None}


def parse_step(item: Any) -> StepEntry:
    """One step, in any form that a recipe may have it. Raises pydantic's ``ValidationError``."""
    match item:
        case StepEntry():
            return item
        case Step() | GlobalStep():
            return _brought(item)
        case (str() as name, (Step() | GlobalStep()) as step):
            return _brought(step, name)
        case str():
            return _built_in(item, {})
        case {"uses": uses, **rest}:
            return _used(str(uses), rest)
        case dict() if len(item) == 1:
            [(key, value)] = item.items()
            return _built_in(str(key), mapping(str(key), value))
        case _:
            raise refusal([Problem((), f"a step is `name: {{settings}}`, not {item!r:.60}")])


def mapping(key: str, value: Any) -> dict[str, Any]:
    """The settings below ``key``; empty where none are given."""
    if value is not None and not isinstance(value, dict):
        raise refusal([Problem((key,), f"settings are a mapping such as {{model: teacher}}, not {value!r}")])
    return dict(value or {})


def _brought(step: Step | GlobalStep, name: str | None = None) -> StepEntry:
    cls = type(step)
    uses = next((key for key, known in STEPS.items() if known is cls), f"{cls.__module__}:{cls.__qualname__}")
    return StepEntry(NamedStep(name or uses.rpartition(":")[2], step), uses)


def _built_in(key: str, settings: dict[str, Any]) -> StepEntry:
    if key not in STEPS:
        raise refusal([Problem((), f"unknown step {key!r}{closest(key, STEPS)} (your own: `uses: package:Class`)")])
    name = settings.pop("name", None)
    return StepEntry(NamedStep(str(name or key), _parsed(STEPS[key], settings, key)), key)


def _used(uses: str, rest: dict[str, Any]) -> StepEntry:
    unknown = set(rest) - {"name", "with"}
    if unknown:
        text = f"unknown key {min(unknown)!r}; a step of your own has the keys uses, name and with"
        raise refusal([Problem((), text)])
    try:
        cls = step_class(uses)
    except (ImportError, TypeError) as error:
        raise refusal([Problem(("uses",), f"{error}; it must be importable where the driver runs")]) from error
    step = _parsed(cls, mapping("with", rest.get("with")), "with")
    return StepEntry(NamedStep(str(rest.get("name") or uses.rpartition(":")[2]), step), uses)


def _parsed(cls: StepClass, settings: dict[str, Any], key: str) -> Step | GlobalStep:
    try:
        return cls.model_validate(settings)
    except ValidationError as error:
        raise refusal(problems_of(error, (key,), cls)) from error
