"""Reading a recipe: YAML, dotted overrides, and the line of every key, which errors name."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from distilray.recipe.errors import Problem, RecipeError, closest
from distilray.recipe.locations import Place
from distilray.recipe.overrides import override
from distilray.recipe.recipe import IN_PYTHON, Recipe
from distilray.storage import resolve, without_keys

RecipeLike = str | PathLike[str] | Mapping[str, Any] | Recipe
"""A path or URI of a recipe, its sections, or the recipe."""


def as_recipe(given: RecipeLike, overrides: Sequence[str] = ()) -> Recipe:
    """``given`` as a recipe, with ``overrides`` such as ``models.teacher.path=X``. Raises :class:`RecipeError`."""
    if isinstance(given, Recipe):
        if not overrides:
            return given
        given = given.document()
    if not isinstance(given, Mapping):
        return load_recipe(given, overrides)
    document = {key: copy.deepcopy(value) for key, value in given.items()}
    override(document, overrides)
    return Recipe.from_document(document, IN_PYTHON)


def load_recipe(place: str | PathLike[str], overrides: Sequence[str] = ()) -> Recipe:
    """The recipe at ``place`` (path or URI) with ``overrides`` (``models.teacher.path=X``).

    Raises :class:`RecipeError` with every problem found, each with file, line, key, value and remedy.
    """
    return parse(_read(str(place)), without_keys(str(place)), overrides)


def parse(text: str, origin: str, overrides: Sequence[str] = ()) -> Recipe:
    """Like :func:`load_recipe`, from the text itself."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        document = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        raise RecipeError(origin, [Problem((), f"not YAML: {' '.join(str(error).split())}")]) from error
    if not isinstance(document, dict):
        raise RecipeError(origin, [Problem((), "a recipe is a mapping with `models`, `sources`, `steps`, ...")])
    override(document, overrides)
    return Recipe.from_document(document, origin, _lines(node))


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
        raise RecipeError(without_keys(place), [Problem((), f"there is no such file{near}")]) from error
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise RecipeError(without_keys(place), [Problem((), f"not a recipe: {error}")]) from error


def _lines(node: yaml.Node | None, place: Place = ()) -> dict[Place, int]:
    """The line of every key of the document, from 1."""
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
