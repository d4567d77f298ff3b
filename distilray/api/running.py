"""Running from Python.

run = dr.run("jobs/recipes/quickstart.yaml", directory="runs/first", overrides=["steps.answer.n=2"])
run.outcomes["judge"].kept
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath

from distilray.api.handle import Run
from distilray.driver import Listener
from distilray.driver import run as run_recipe
from distilray.recipe import RecipeLike


def run(
    recipe: RecipeLike,
    *,
    directory: str | PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    listen: Listener = lambda event: None,
) -> Run:
    """Runs ``recipe`` (its path or URI, its sections, or itself) in ``directory`` (a path or any pyarrow filesystem
    URI; default ``runs/NAME``), or continues the run there. Returns a handle of the finished run.

    ``limit``: the most rows of all sources together. ``listen`` is called with an event whenever a stage
    starts, makes progress or is done. Raises :class:`RecipeError` and ``SourceError`` for mistakes found before
    anything starts, ``RunIsHeld`` if another driver works on the run, ``RunStopped`` if it stopped cleanly before its
    end, for example at its budget.
    """
    place = None if directory is None else fspath(directory)
    finished = run_recipe(recipe, overrides, directory=place, limit=limit, listen=listen)
    return Run(finished.store, finished.results)
