"""A recipe for a sample of its rows: the numbers of rows that a set is to have shrink as the set does.

    for_sample(recipe, 300 / 90_000)
    # balance: {rows: 60000, most_new: 20000}, until: {rows: 60000}  ->  {rows: 200, most_new: 67}, {rows: 200}

Shares stay as they are. With its own numbers a pilot of a few hundred rows would write rows until it had all of them.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from distilray.recipe import Recipe

COUNTS = {"balance": ("rows", "most_new"), "select": ("top",), "curriculum_draw": ("top",)}
"""Settings of steps over the whole set that are numbers of its rows."""


def for_sample(recipe: Recipe, share: float) -> Recipe:
    """``recipe`` for ``share`` of its rows, 0 to 1."""
    if share >= 1:
        return recipe
    document = recipe.document()
    for entry in document["steps"]:
        repeat = entry.get("repeat")
        if repeat is not None and repeat["until"].get("rows"):
            repeat["until"]["rows"] = _shrunk(repeat["until"]["rows"], share)
        for step in [entry] if repeat is None else repeat["steps"]:
            for name, settings in step.items():
                for count in COUNTS.get(name, ()):
                    if settings.get(count):
                        settings[count] = _shrunk(settings[count], share)
    return Recipe.from_document(document, recipe.origin)


def _shrunk(rows: Any, share: float) -> int:
    return max(1, ceil(rows * share))
