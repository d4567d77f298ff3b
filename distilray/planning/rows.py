"""How many rows a recipe starts with."""

from __future__ import annotations

from distilray.recipe import Recipe
from distilray.sources import SourceSurvey, survey_source


def survey_rows(recipe: Recipe) -> list[SourceSurvey]:
    """What each source holds, up to its limit; files are read through. Raises ``SourceError`` for a source that a run
    would refuse."""
    return [survey_source(source) for source in recipe.sources]


def count_rows(recipe: Recipe) -> int:
    """Usable rows of all sources, up to each source's limit. Raises ``SourceError`` as :func:`survey_rows`."""
    return sum(survey.usable for survey in survey_rows(recipe))
