"""How many rows a recipe starts with, and whether its sources are what a run takes."""

from __future__ import annotations

from collections.abc import Sequence

from distilray.errors import InputError
from distilray.recipe import Problem, Recipe, column_problems
from distilray.sources import SourceError, SourceSurvey, check_source, survey_source


def survey_rows(recipe: Recipe) -> list[SourceSurvey]:
    """What each source holds, up to its limit; files are read through.

    Raises ``SourceError`` for a source that a run would refuse, one of a benchmark's questions included, and
    :class:`RecipeError` for a step that reads what no row has.
    """
    surveys = [survey_source(source) for source in recipe.sources]
    check_questions(recipe)
    if problems := _unread_columns(recipe, surveys):
        raise recipe.error(problems)
    return surveys


def check_questions(recipe: Recipe) -> None:
    """Raises ``SourceError``, or ``BenchmarkDataError``, if a benchmark's questions cannot be read: that would come out
    when all is trained."""
    for benchmark in recipe.evaluate:
        check_source(benchmark.questions().anchored())


def source_problems(recipe: Recipe) -> list[str]:
    """All for which :func:`survey_rows` would raise one error."""
    surveys, problems = [], []
    for source in recipe.sources:
        try:
            surveys.append(survey_source(source))
        except SourceError as error:
            problems.append(str(error))
    try:
        check_questions(recipe)
    except InputError as error:
        problems.append(str(error))
    if len(surveys) == len(recipe.sources) and (unread := _unread_columns(recipe, surveys)):
        problems.append(str(recipe.error(unread)))
    return problems


def count_rows(recipe: Recipe) -> int:
    """Usable rows of all sources, up to each source's limit. Raises as :func:`survey_rows`."""
    return sum(survey.usable for survey in survey_rows(recipe))


def _unread_columns(recipe: Recipe, surveys: Sequence[SourceSurvey]) -> list[Problem]:
    """Steps that read a column which no source and no earlier step fills; none where a source was not looked at to its
    end."""
    if not all(survey.knows_columns for survey in surveys):
        return []
    return column_problems(recipe, {name for survey in surveys for name in survey.columns})
