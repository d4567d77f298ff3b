"""Reading a recipe: YAML, dotted overrides, and what each part means; every problem is told at once, with its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from distilray.models import ModelSettings
from distilray.recipe.errors import Place, Problem, RecipeError, closest, problems_of
from distilray.recipe.schema import Recipe
from distilray.recipe.steps import Entry, RepeatEntry, StepEntry, documented, parse_entries
from distilray.recipe.trainings import TrainEntry, parse_trainings
from distilray.storage import resolve


@dataclass(frozen=True)
class Loaded:
    """A recipe whose every part is parsed."""

    origin: str
    recipe: Recipe
    entries: tuple[Entry, ...]
    """The steps, in order; see :mod:`distilray.recipe.steps`."""
    trainings: tuple[TrainEntry, ...]
    """Those of the section ``train``, which follow the steps; see :meth:`all_trainings`."""
    document: dict[str, Any]
    """What was parsed, overrides applied: ``recipe.yaml`` in the run."""

    def steps(self) -> list[StepEntry]:
        """All steps, those of repeats included, in order."""
        return [entry for entry in self.flat() if isinstance(entry, StepEntry)]

    def flat(self) -> list[StepEntry | TrainEntry]:
        """All steps and the trainings among them, those of repeats included, in order."""
        flat: list[StepEntry | TrainEntry] = []
        for entry in self.entries:
            flat.extend(entry.body if isinstance(entry, RepeatEntry) else [entry])
        return flat

    def all_trainings(self) -> list[TrainEntry]:
        """The trainings among the steps, then those that follow them."""
        return [*(entry for entry in self.flat() if isinstance(entry, TrainEntry)), *self.trainings]

    def models(self) -> dict[str, ModelSettings]:
        """What steps may ask, by name: the recipe's models, and the students of trainings among the steps as they are
        before they are trained."""
        models = dict(self.recipe.models)
        for entry in self.flat():
            if isinstance(entry, TrainEntry) and entry.settings.student in self.recipe.models:
                student = self.recipe.models[entry.settings.student]
                system = {"system": entry.settings.system} if entry.settings.system is not None else {}
                models[entry.name] = student.model_copy(update=system)
        return models

    def resolved(self) -> str:
        """The recipe as YAML with every default filled in, which gives the same run."""
        filled = self.recipe.model_dump(mode="json", by_alias=True)
        filled["steps"] = [documented(entry) for entry in self.entries]
        filled["train"] = [training.document() for training in self.trainings]
        return yaml.safe_dump(filled, sort_keys=False, allow_unicode=True, width=110)


def load(place: str, overrides: Sequence[str] = ()) -> Loaded:
    """The recipe at ``place`` (a path or a URI) with ``overrides`` (``models.teacher.path=X``).

    Raises :class:`RecipeError` with every problem found, each with file, line, key, value and remedy.
    """
    return parse(_read(place), place, overrides)


def parse(text: str, origin: str, overrides: Sequence[str] = ()) -> Loaded:
    """As :func:`load`, of the text itself."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(origin, [Problem((), f"not YAML: {' '.join(str(error).split())}")]) from error
    if not isinstance(document, dict):
        raise RecipeError(origin, [Problem((), "a recipe is a mapping with `models`, `sources`, `steps`, ...")])
    lines = _lines(node)
    problems = [problem for override in overrides if (problem := _override(document, override))]
    if problems:
        raise RecipeError("command line", problems)
    try:
        recipe = Recipe.model_validate(document)
    except ValidationError as error:
        problems = problems_of(error, (), Recipe)
        raise RecipeError(origin, problems, lines) from error
    entries, problems = parse_entries(recipe.steps, ("steps",))
    among = [entry.name for entry in Loaded(origin, recipe, tuple(entries), (), document).all_trainings()]
    trainings, more = parse_trainings(recipe.train, ("train",), among)
    loaded = Loaded(origin, recipe, tuple(entries), tuple(trainings), document)
    from distilray.recipe.validate import problems_with

    problems = [*problems, *more] or problems_with(loaded)
    if problems:
        raise RecipeError(origin, problems, lines)
    return loaded


def _read(place: str) -> str:
    try:
        if "://" in place:
            system, path = resolve(place)
            with system.open_input_stream(path) as stream:
                return stream.read().decode()
        return Path(place).read_text("utf-8")
    except FileNotFoundError as error:
        near = (
            closest(Path(place).name, [p.name for p in Path(place).parent.glob("*.yaml")]) if "://" not in place else ""
        )
        raise RecipeError(place, [Problem((), f"there is no such file{near}")]) from error
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise RecipeError(place, [Problem((), f"not a recipe: {error}")]) from error


def _lines(node: yaml.Node | None, place: Place = ()) -> dict[Place, int]:
    """Where every key of the document stands, from 1."""
    lines: dict[Place, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, key.value)
            lines[inner] = key.start_mark.line + 1
            lines.update(_lines(value, inner))
    elif isinstance(node, yaml.SequenceNode):
        for k, item in enumerate(node.value):
            lines[(*place, k)] = item.start_mark.line + 1
            lines.update(_lines(item, (*place, k)))
    return lines


def _override(document: dict[str, Any], override: str) -> Problem | None:
    """Sets ``key.path=value`` in ``document``; items of a list go by number, by name, or by their only key."""
    path, equals, text = override.partition("=")
    if not equals:
        return Problem((), f"{override!r} is neither an option nor of the form key.path=value")
    *parents, last = path.strip().split(".")
    here: Any = document
    for depth, part in enumerate(parents):
        if isinstance(here, list):
            found = _item(here, part)
            if found is None:
                return Problem(tuple(parents[: depth + 1]), f"no item {part!r} here{closest(part, _item_names(here))}")
            here = found
        elif isinstance(here, dict):
            if here.get(part) is None:
                here[part] = {}
            here = here[part]
        else:
            return Problem(tuple(parents[:depth]), f"{here!r} has nothing inside to set")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    if isinstance(here, list):
        named = next((item for item in here if isinstance(item, dict) and len(item) == 1 and last in item), None)
        if named is not None:
            named[last] = value
        elif last.isdigit() and int(last) < len(here):
            here[int(last)] = value
        else:
            return Problem(tuple(parents), f"no item {last!r} in this list{closest(last, _item_names(here))}")
    elif isinstance(here, dict):
        here[last] = value
    else:
        return Problem(tuple(parents), f"{here!r} has nothing inside to set")
    return None


def _item(items: list[Any], part: str) -> Any:
    if part.isdigit():
        return items[int(part)] if int(part) < len(items) else None
    for item in items:
        if isinstance(item, dict):
            if item.get("name") == part or item.get("kind") == part:
                return item
            if len(item) == 1 and part in item:
                if item[part] is None:
                    item[part] = {}
                return item[part]
            inner = next(iter(item.values())) if len(item) == 1 else None
            if isinstance(inner, dict) and inner.get("name") == part:
                return inner
    return None


def _item_names(items: list[Any]) -> list[str]:
    names = []
    for item in items:
        if isinstance(item, dict):
            names.append(str(item.get("name") or item.get("kind") or next(iter(item), "")))
    return names
