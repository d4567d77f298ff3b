"""Models are evaluated without a recipe: the benchmarks of a run, and nothing else of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distilray.driver.events import Listener
from distilray.driver.runs import run
from distilray.evaluate import Benchmark, Evaluation, read_evaluations
from distilray.models import ModelSettings
from distilray.recipe import Recipe

NAME = "evaluation"


def evaluate_models(
    models: Mapping[str, ModelSettings],
    benchmarks: Sequence[Benchmark],
    *,
    directory: str | None = None,
    seed: int = 0,
    listen: Listener = lambda event: None,
) -> list[Evaluation]:
    """The evaluations of ``models`` on published ``benchmarks``, in ``directory`` (default ``runs/evaluation``), or the
    rest of such a one: what is answered there is not asked again. Models that a benchmark names as judges only judge.

    Raises :class:`RecipeError` for models that cannot answer, ``BenchmarkDataError`` for data sets that are missing,
    and what :func:`~distilray.driver.run` raises.
    """
    judges = {name for benchmark in benchmarks for name in benchmark.judges()}
    answering = tuple(name for name in models if name not in judges)
    asked = [benchmark.model_copy(update={"models": answering}) for benchmark in benchmarks]
    # A recipe has sources; those of an evaluation alone are its questions.
    recipe = Recipe(name=NAME, seed=seed, models=dict(models), sources=[asked[0].questions()], evaluate=asked)
    finished = run(recipe, directory=directory, listen=listen, only_evaluations=True)
    places = {(benchmark.name, name): place for place, (benchmark, name) in enumerate(_pairs(asked, answering))}
    found = [one for one in read_evaluations(finished.store) if (one.benchmark, one.model) in places]
    return sorted(found, key=lambda one: places[one.benchmark, one.model])


def _pairs(benchmarks: Sequence[Benchmark], models: Sequence[str]) -> list[tuple[Benchmark, str]]:
    return [(benchmark, model) for benchmark in benchmarks for model in models]
