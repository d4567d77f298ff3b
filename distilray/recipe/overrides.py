"""Overrides of a recipe, as the command line writes them: ``steps.answer.n=4``, ``models.teacher={path: X}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from distilray.recipe.errors import Problem, RecipeError, closest


def override(document: dict[str, Any], overrides: Sequence[str]) -> None:
    """Sets every ``key.path=value`` in ``document``. Items of a list are addressed by number, by name, or by their only
    key. Raises :class:`RecipeError`."""
    problems = [problem for text in overrides if (problem := _override(document, text))]
    if problems:
        raise RecipeError("command line", problems)


def _override(document: dict[str, Any], override: str) -> Problem | None:
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
